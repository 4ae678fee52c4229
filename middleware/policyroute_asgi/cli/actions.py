"""Commands that have commands of their own: `policyroute client add`, `policyroute audit verify`.

Rule of this module: it finds the action and hands over to it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Protocol

from policyroute_asgi.cli import manual


class Action(Protocol):
    """What an action has, be it a module or an object."""

    @property
    def SUMMARY(self) -> str: ...
    @property
    def EXAMPLE(self) -> str: ...

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


class Actions:
    """By name, in the order in which they are listed."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = actions

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar=" | ".join(self._actions))
        for name, action in self._actions.items():
            action.configure(actions.add_parser(name, help=action.SUMMARY, **manual(action.SUMMARY, action.EXAMPLE)))

    def run(self, arguments: argparse.Namespace) -> int:
        return self._actions[arguments.action].run(arguments)
