"""`policyroute audit`: what of a conversation went to whom, and whether the records of that are what was written.

Rule of this package: it reads, also beside a gateway that writes, and shows no more than is in a record.
"""

from __future__ import annotations

import argparse

from policyroute_asgi.cli import manual
from policyroute_asgi.cli.audit import show, verify
from policyroute_asgi.cli.client import Action

EXAMPLE = """  policyroute audit show 7c1e-42 --tenant acme --state-dir /var/lib/policyroute
  policyroute audit verify --state-dir /var/lib/policyroute
  policyroute audit verify --help"""

_ACTIONS: dict[str, Action] = {"show": show, "verify": verify}


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="show | verify")
    for name, action in _ACTIONS.items():
        action.configure(actions.add_parser(name, help=action.SUMMARY, **manual(action.SUMMARY, action.EXAMPLE)))


def run(arguments: argparse.Namespace) -> int:
    return _ACTIONS[arguments.action].run(arguments)
