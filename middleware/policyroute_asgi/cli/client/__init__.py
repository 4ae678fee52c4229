"""`policyroute client`: make a key for a client, see who has one, take one back.

Rule of this package: a key is printed once, by the command that makes it. Everything else is about digests.
"""

from __future__ import annotations

import argparse
from typing import Protocol

from policyroute_asgi.cli import manual
from policyroute_asgi.cli.client import add, revoke, show

EXAMPLE = """  policyroute client add ci --team build --rpm 600 --dir policies/
  policyroute client list policies/ --state-dir /var/lib/policyroute
  policyroute client revoke ci policies/ --state-dir /var/lib/policyroute
  policyroute client add --help"""


class Action(Protocol):
    """What the module of an action has."""

    @property
    def SUMMARY(self) -> str: ...
    @property
    def EXAMPLE(self) -> str: ...

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


_ACTIONS: dict[str, Action] = {"add": add, "list": show, "revoke": revoke}


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="add | list | revoke")
    for name, action in _ACTIONS.items():
        action.configure(actions.add_parser(name, help=action.SUMMARY, **manual(action.SUMMARY, action.EXAMPLE)))


def run(arguments: argparse.Namespace) -> int:
    return _ACTIONS[arguments.action].run(arguments)
