"""What the steps of an adaptation write down.

Rule of this module: each change once, in the order in which they were made.
"""

from __future__ import annotations

from policyroute.changes import Action, Change


class Changes:
    """A list that is being written."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[Change, None] = {}

    def add(self, action: Action, field: str, detail: str = "") -> None:
        self._found[Change(action, field, detail)] = None

    def all(self) -> tuple[Change, ...]:
        return tuple(self._found)
