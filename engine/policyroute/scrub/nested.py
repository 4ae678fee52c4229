"""The strings inside of JSON: of a schema, of arguments, of what only one dialect has words for.

Rule of this module: what a visit leaves as it was is the very object it was. A string that may go is taken out where
JSON stays what it was without it, else something stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import orjson

from policyroute.dialects.shapes import items, obj, same
from policyroute.schemas.vocabulary import NAMED, VALUES
from policyroute.scrub.segment import Kind

WITHHELD: Final = "[withheld]"
"""Stands where something has to."""

At = Callable[[str, Kind, str], str | None]
"""Path, kind and text of a string; gives what is said in its place, None for nothing."""

DEEPEST: Final = 64
"""JSON that nests deeper is one string."""

_WORDS: Final = frozenset({"type", "role", "status", "mime_type", "mimeType", "media_type", "format", "detail"})
_FIXED: Final = frozenset({"enum", "const"})
_DOCS: Final = frozenset({"description", "title", "$comment"})


class Stuck(Exception):
    """What stands at `path` cannot be taken out without breaking what it stands in."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


def leaves(value: Any, path: str, at: At, kind: Kind, *, keep: bool) -> Any:
    """With every string in `value` visited, but for the names of fields. `keep`: something has to stand where a string
    is taken out; else it is gone from what holds it, and is None if it is `value` itself."""
    if isinstance(value, str):
        said = at(path, kind, value)
        return WITHHELD if said is None and keep else said
    if isinstance(value, dict):
        return _fields(obj(value), path, at, kind, keep)
    if isinstance(value, list):
        given = items(value)
        told = [leaves(each, f"{path}[{index}]", at, kind, keep=keep) for index, each in enumerate(given)]
        kept = [new for new, old in zip(told, given, strict=True) if new is not None or old is None]
        return given if len(kept) == len(given) and same(kept, given) else kept
    return value


def _fields(fields: dict[str, Any], path: str, at: At, kind: Kind, keep: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    changed = False
    for name, value in fields.items():
        place = f"{path}.{name}"
        word = name in _WORDS and isinstance(value, str)
        new = leaves(value, place, at, "word" if word else kind, keep=keep)
        changed = changed or new is not value
        if new is not None or value is None:
            told[name] = new
    return told if changed else fields


def json_text(said: str, path: str, at: At, kind: Kind) -> str | None:
    """JSON inside of a string, visited leaf by leaf; any other text as one. None: it may not be said at all."""
    value = parsed(said)
    if value is None:
        return at(path, kind, said)
    told = leaves(value, path, _deeper(at), kind, keep=True)
    return said if told is value else orjson.dumps(told).decode()


def _deeper(at: At) -> At:
    """A string inside of JSON may be JSON again."""
    return lambda path, kind, text: json_text(text, path, at, kind)


def parsed(said: str) -> Any:
    """The object or array that a text is; None for any other."""
    if said[:1] not in ("{", "[") and said.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value: Any = orjson.loads(said)
    except orjson.JSONDecodeError:
        return None
    return value if _depth(value) <= DEEPEST else None


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [inner for each in level for inner in (obj(each).values() if isinstance(each, dict) else items(each))]
    return depth


class Schema:
    """Visits a JSON Schema; its strings are of the kinds `{what}_name`, `{what}_doc` and `{what}_value`."""

    def __init__(self, what: str, at: At) -> None:
        self._at = at
        self._name: Kind = cast("Kind", f"{what}_name")
        self._doc: Kind = cast("Kind", f"{what}_doc")
        self._value: Kind = cast("Kind", f"{what}_value")

    def visited(self, schema: Any, path: str) -> Any:
        """The very schema where nothing is changed."""
        if isinstance(schema, list):
            given = items(schema)
            told = [self.visited(each, f"{path}[{index}]") for index, each in enumerate(given)]
            return given if same(told, given) else told
        if isinstance(schema, str):
            return self._unless_stuck(path, "other", schema)
        if not isinstance(schema, dict):
            return schema
        fields, found = obj(schema), dict[str, Any]()
        changed = False
        for key, value in fields.items():
            new = self._keyword(key, value, f"{path}.{key}")
            changed = changed or new is not value
            if new is not None or value is None:
                found[key] = new
        return found if changed else fields

    def _keyword(self, key: str, value: Any, path: str) -> Any:
        if key in NAMED and isinstance(value, dict):
            return self._named(obj(value), path)
        if isinstance(value, str):
            return self._text(key, value, path)
        if key in VALUES:
            return self._fixed(value, path) if key in _FIXED else leaves(value, path, self._at, self._value, keep=False)
        return value if key == "required" or key in _WORDS else self.visited(value, path)

    def _text(self, key: str, value: str, path: str) -> str | None:
        if key in _DOCS:
            return self._at(path, self._doc, value)
        if key in VALUES and key not in _FIXED:
            return self._at(path, self._value, value)
        kind: Kind = self._value if key in _FIXED else "word" if key in _WORDS or key[:1] == "$" else "other"
        return self._unless_stuck(path, kind, value)

    def _named(self, given: dict[str, Any], path: str) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for name, inner in given.items():
            self._unless_stuck(f"{path}.{name}", self._name, name)
            told[name] = self.visited(inner, f"{path}.{name}")
        return given if all(told[name] is given[name] for name in given) else told

    def _fixed(self, value: Any, path: str) -> Any:
        """What an answer is checked against stays as it is."""

        def at(place: str, kind: Kind, text: str) -> str:
            return self._unless_stuck(place, kind, text)

        return leaves(value, path, at, self._value, keep=False)

    def _unless_stuck(self, path: str, kind: Kind, text: str) -> str:
        said = self._at(path, kind, text)
        if said != text:
            raise Stuck(path)
        return text
