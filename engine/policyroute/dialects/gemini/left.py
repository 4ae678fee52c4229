"""Gemini: what is left of an object while it is read, and how what was left is put back.

Rule of this module: names are asked for in camelCase and found in either spelling; what is not taken stays as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from policyroute.dialects.gemini.spelling import snake
from policyroute.dialects.shapes import obj
from policyroute.request.prompt import Extra

_HOLDERS: Final = frozenset(
    {"generationConfig", "toolConfig", "inlineData", "fileData", "functionCall", "functionResponse", "content"}
)
"""What may stand before a point in the name of a field that was left."""


class Left:
    """The fields of one object that nobody has taken yet. The object itself stays as it is."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = dict(fields)

    def take(self, name: str, wanted: Callable[[Any], bool]) -> Any:
        """The value of this name, if it is what is wanted; else None, and it stays."""
        for spelled in (name, snake(name)):
            if spelled in self.fields and wanted(self.fields[spelled]):
                return self.fields.pop(spelled)
        return None

    def drop(self, name: str) -> Any:
        return self.fields.pop(name, None)

    def inner(self, name: str) -> Left | None:
        """The object of this name, to be taken from and then to be given to `keep`."""
        found = self.take(name, lambda value: isinstance(value, dict))
        return None if found is None else Left(found)

    def keep(self, name: str, inner: Left, mapped: bool = False) -> None:
        """What is left of an object inside. Where nothing is and nothing of it has a name either, it was empty."""
        for field, value in inner.fields.items():
            self.fields[f"{name}.{field}"] = value
        if not inner.fields and not mapped:
            self.fields[name] = {}

    def extra(self) -> Extra | None:
        return self.fields or None


def put_back(fields: dict[str, Any], extra: Extra | None) -> dict[str, Any]:
    """The fields with what was left, in the places where it was."""
    for name, value in (extra or {}).items():
        *path, last = name.split(".") if name.partition(".")[0] in _HOLDERS else [name]
        place = fields
        for step in path:
            place[step] = dict(obj(place.get(step)))
            place = place[step]
        if last not in place or value != {}:
            place[last] = value
    return fields
