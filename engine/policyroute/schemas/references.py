"""`$ref`: what it points to, and under which name that is defined in the schema that is sent.

Rule of this module: nothing is fetched. What a schema does not contain itself does not exist.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from policyroute.schemas.vocabulary import Schema, is_list, is_map, is_schema

_HOMES: Final = frozenset({"$defs", "definitions"})
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]")
_MISSING: Final = object()


def _steps(reference: str) -> list[str]:
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in reference[2:].split("/")]


class References:
    """The references of one schema."""

    __slots__ = ("_names", "_root")

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._names: dict[str, str] = {}

    def target(self, reference: str) -> Any:
        """The schema pointed to, or None."""
        if reference == "#":
            return self._root
        if not reference.startswith("#/"):
            return None
        found: Any = self._root
        for step in _steps(reference):
            found = _inside(found, step)
            if found is _MISSING:
                return None
        return found if is_schema(found) else None

    def spelt(self, reference: str) -> str:
        """How the reference is written in the schema that is sent; its target is to be defined there."""
        if reference == "#":
            return reference
        name = self._names.get(reference)
        if name is None:
            name = self._names[reference] = self._free(_steps(reference))
        return f"#/$defs/{name}"

    def wanted(self) -> dict[str, str]:
        """Names to define, with the references they stand for."""
        return {name: reference for reference, name in self._names.items()}

    def _free(self, steps: list[str]) -> str:
        stem = _UNFIT.sub("_", "_".join(steps[1:] if len(steps) == 2 and steps[0] in _HOMES else steps)) or "_"
        taken = set(self._names.values())
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem}_{count}"
        return name


def _inside(value: Any, step: str) -> Any:
    if is_map(value):
        return value.get(step, _MISSING)
    if is_list(value) and step.isascii() and step.isdecimal() and len(step) < 6 and int(step) < len(value):
        return value[int(step)]
    return _MISSING
