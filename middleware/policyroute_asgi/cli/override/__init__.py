"""`policyroute override`: what an operator says by hand for a while, for every gateway on a state directory.

Rule of this package: it writes down what is to hold, and for how long; gateways take it up by themselves.
"""

from __future__ import annotations

import argparse
from typing import Protocol

from policyroute_asgi.cli import manual
from policyroute_asgi.cli.override import clear, say, show

EXAMPLE = """  policyroute override drain openai --for 2h --reason 'they are down' --state-dir /var/lib/policyroute
  policyroute override use claude --for 30m --state-dir /var/lib/policyroute
  policyroute override list --state-dir /var/lib/policyroute
  policyroute override clear openai --state-dir /var/lib/policyroute"""


class Action(Protocol):
    """What an action has."""

    @property
    def SUMMARY(self) -> str: ...
    @property
    def EXAMPLE(self) -> str: ...

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


_ACTIONS: dict[str, Action] = {"use": say.USE, "drain": say.DRAIN, "clear": clear, "list": show}


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="use | drain | clear | list")
    for name, action in _ACTIONS.items():
        action.configure(actions.add_parser(name, help=action.SUMMARY, **manual(action.SUMMARY, action.EXAMPLE)))


def run(arguments: argparse.Namespace) -> int:
    return _ACTIONS[arguments.action].run(arguments)
