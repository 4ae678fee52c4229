"""Every text of a JSON body, in any dialect: found, changed, and put back where it stood.

Rule of this module: a text is left alone only where the wire gives its place a meaning of its own and it looks like
that; when in doubt it is looked at. What does not change is the same object as before.

Kinds of places. What a model reads is free. Names and ids are matched by whoever reads them, so that they stay
distinct and of characters that a name may have: keys of objects too, and what of a schema is compared with values. And
data may be files. In arguments, metadata and examples nothing is the wire's: what somebody called `type` there is a
text like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, cast

from policyroute.exhausted import Exhausted
from policyroute.redact.encodings import is_readable
from policyroute.redact.wire import ARGUMENTS, DATA, EXAMPLES, FREE, NAMES, SEALED, VECTORS, WIRE, WORDS
from policyroute.schemas.vocabulary import NAMED


class Place(Enum):
    TEXT = "text"
    """What a model reads or says."""
    MADE = "made"
    """Of the client's or a model's making: in arguments, metadata, examples."""
    JSON = "json"
    """Arguments as a JSON text."""
    NAME = "name"
    DATA = "data"


Leaf = Callable[[str, Place], str]
"""Gives back the same object where nothing changes."""

_DEEPEST: Final = 200
_MANY: Final = 300_000
"""Values of one body; there is no use in looking at more."""
_MOST: Final = 1e22
_NUMBERS: Final = frozenset({int, float})

_WORD: Final = re.compile(r"[A-Za-z@][A-Za-z0-9_./:+-]{0,120}")
_CIPHER: Final = re.compile(r"[A-Za-z0-9+/=_-]{32,}")


class Walk:
    """Does `leaf` to every text of a value, and `number` to every number that is not the wire's: it says by which text
    it is replaced, None where it stays."""

    def __init__(self, leaf: Leaf, number: Callable[[str], str | None]) -> None:
        self._leaf = leaf
        self._number = number
        self._path: list[str | int] = []
        self._left = _MANY

    @property
    def place(self) -> str:
        """Where the walk is: as `messages[2].content`, with `*` for a key that a client made up."""
        steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in self._path]
        return "".join(steps).removeprefix(".")

    def done(self, value: Any) -> Any:
        """The value, the same object where nothing in it changed. Raises Exhausted where there is too much of it."""
        self._path.clear()
        self._left = _MANY
        return self._node(value, "", 0, free=False)

    def _node(self, value: Any, key: str, depth: int, *, free: bool) -> Any:
        kind = value.__class__
        if kind is str:
            return self._text(value, key, free=free) if value else value
        if depth > _DEEPEST or self._left < 0:
            raise Exhausted
        if kind is dict:
            fields = cast("dict[str, Any]", value)
            if free or key in FREE or key in EXAMPLES:
                return self._object(fields, depth, free=True)
            return self._object(fields, depth, free=False, schemas=key in NAMED)
        if kind is list:
            inner = cast("list[Any]", value)
            is_vector = key in VECTORS and not free and _NUMBERS.issuperset(map(type, inner))
            return value if is_vector else self._list(inner, key, depth, free=free)
        if (kind is int or kind is float) and (free or not key or key in EXAMPLES):
            return self._counted(value)
        return value

    def _list(self, value: list[Any], key: str, depth: int, *, free: bool) -> list[Any]:
        found: list[Any] | None = None
        path = self._path
        self._left -= len(value)
        inside = "" if key in FREE else key  # an array there is the wire's
        for index, inner in enumerate(value):
            path.append(index)
            new = self._node(inner, inside, depth + 1, free=free)
            path.pop()
            if new is not inner:
                found = found or list(value)
                found[index] = new
        return value if found is None else found

    def _object(self, value: dict[str, Any], depth: int, *, free: bool, schemas: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = {}
        same = True
        path = self._path
        self._left -= len(value)
        listed = not (free or schemas)
        for name, inner in value.items():
            ours = listed and name in WIRE
            path.append(name if ours else "*")
            key = name if ours or free else ""
            if inner.__class__ is str:
                new: Any = self._text(inner, key, free=free) if inner else inner
            else:
                new = self._node(inner, key, depth + 1, free=free)
            new_name = name if ours else self._leaf(name, Place.NAME)
            path.pop()
            same = same and new is inner and new_name is name
            found[new_name if new_name not in found else _unused(found, new_name)] = new
        return value if same else found

    def _text(self, text: str, key: str, *, free: bool) -> str:
        if not free:
            meant = _WORD if key in WORDS else _CIPHER if key in SEALED else None
            if meant is not None and meant.fullmatch(text) and not is_readable(text):
                return text
            if key in NAMES or key.endswith("_id"):
                return self._leaf(text, Place.NAME)
            if key in ARGUMENTS:
                return self._leaf(text, Place.JSON)
        return self._leaf(text, Place.DATA if key in DATA else Place.MADE if free else Place.TEXT)

    def _counted(self, value: float) -> Any:
        whole = value.__class__ is float and value.is_integer() and abs(value) < _MOST  # as it was meant
        new = self._number(str(int(value)) if whole else str(value))
        return value if new is None else new


def _unused(found: dict[str, Any], name: str) -> str:
    """Two keys that became one stay two."""
    while name in found:
        name += "_"
    return name
