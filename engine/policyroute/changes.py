"""What an attempt's payload says otherwise than the client's request did.

Rule of this module: no content. A field has a name of ours, or the dialect's where that is a plain name; a detail is a
number or a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

Action = Literal["dropped", "clamped", "renamed", "moved", "merged", "rewritten", "emulated", "added"]

_PLAIN: Final = re.compile(r"[A-Za-z_$][\w.$-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Change:
    """`field` is what was changed (`temperature`, `tools.strict`, `system`), `detail` how, where a word can say it."""

    action: Action
    field: str
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"action": self.action, "field": self.field, "detail": self.detail}

    def __str__(self) -> str:
        return f"{self.field}={self.action}"


class Changes:
    """A list of them that is being written: each once, in the order in which they were made."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[Change, None] = {}

    def add(self, action: Action, field: str, detail: str = "") -> None:
        self._found[Change(action, field, detail)] = None

    def all(self) -> tuple[Change, ...]:
        return tuple(self._found)


def plain(name: str) -> str:
    """A name that a client made up, fit for a record."""
    return name if _PLAIN.fullmatch(name) else "field"
