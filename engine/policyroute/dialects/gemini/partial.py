"""Gemini: the arguments of a call that come in pieces, as Vertex AI streams them.

Rule of this module: each piece names by a JSONPath where its value stands. What cannot be placed makes the whole call
one that cannot be read: a call with half of its arguments is never told.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

from policyroute.dialects.shapes import items, obj, text

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
_ESCAPED: Final = re.compile(r"\\(.)")
_DEEPEST: Final = 64
_VALUES: Final = ("stringValue", "numberValue", "boolValue")


class PartialCall:
    """A call that has begun. `readable` is False once a piece had no place."""

    def __init__(self, identity: str, name: str, args: dict[str, Any]) -> None:
        self.identity = identity
        self.name = name
        self.readable = True
        self._root: list[Any] = [dict(args)]
        self._open: tuple[str | int, ...] = ()
        """Where a text stands that is not at its end."""

    @property
    def args(self) -> dict[str, Any]:
        return obj(self._root[0])

    def add(self, pieces: Any) -> None:
        for piece in items(pieces):
            if self.readable:
                self.readable = self._piece(obj(piece))

    def _piece(self, piece: dict[str, Any]) -> bool:
        path = _path(text(piece.get("jsonPath")))
        if path is None:
            return False
        goes_on = piece.get("willContinue") is True
        name = next((name for name in _VALUES if piece.get(name) is not None), "")
        value: Any = piece.get(name) if name else None
        if not name and "nullValue" not in piece:
            self._open = path if goes_on else ()
            return self._open == () or _put(self._root, path, "", goes_on=False)
        joined = name == "stringValue" and self._open == path
        self._open = path if goes_on else ()
        return _put(self._root, path, value, goes_on=joined)


def _path(said: str) -> tuple[str | int, ...] | None:
    """The steps from the root, of which there is one; None of what is no path to one place."""
    if not said.startswith("$"):
        return None
    steps: list[str | int] = [0]
    at = 1
    while at < len(said):
        step = _STEP.match(said, at)
        if step is None or len(steps) > _DEEPEST:
            return None
        name, index, single, double = step.groups()
        quoted = single if single is not None else double
        steps.append(int(index) if index else name if name is not None else _ESCAPED.sub(r"\1", quoted))
        at = step.end()
    return tuple(steps) if len(steps) > 1 else None


def _put(root: list[Any], path: tuple[str | int, ...], value: Any, *, goes_on: bool) -> bool:
    """Whether the value has a place there: objects and arrays on the way are made, none is skipped."""
    place: Any = root
    for step, after in pairwise(path):
        if not _has_place(place, step):
            return False
        if _held(place, step) is None:
            place[step] = [] if isinstance(after, int) else {}
        place = _held(place, step)
    last = path[-1]
    if not _has_place(place, last):
        return False
    before = _held(place, last)
    if goes_on and not isinstance(before, str):
        return False
    place[last] = f"{before}{value}" if goes_on else value
    return True


def _has_place(place: Any, step: str | int) -> bool:
    """An array grows by one at a time."""
    if isinstance(step, str):
        return isinstance(place, dict)
    if place.__class__ is list and step == len(place):
        place.append(None)
    return place.__class__ is list and step < len(place)


def _held(place: Any, step: str | int) -> Any:
    return obj(place).get(step) if isinstance(step, str) else place[step]
