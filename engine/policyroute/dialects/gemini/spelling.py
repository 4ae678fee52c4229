"""Gemini: names that may be spelled in two ways, and values that may stand alone.

Rule of this module: what Google's own parser takes is read, so that no rule overlooks what a model is told. It takes
every name as `systemInstruction` and as `system_instruction`, and one value where there may be several.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, cast

from policyroute.dialects.shapes import items, obj

_UPPER = re.compile(r"[A-Z]")
_UNDERSCORE = re.compile(r"_([a-z0-9])")


@lru_cache(maxsize=1024)
def snake(name: str) -> str:
    return _UPPER.sub(lambda found: "_" + found[0].lower(), name)


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)


def either(fields: dict[str, Any], name: str) -> Any:
    """What stands under this name, however it is spelled; None where nothing does. `name` is in camelCase."""
    value = fields.get(name)
    return fields.get(snake(name)) if value is None else value


def key(fields: dict[str, Any], name: str) -> str:
    """The spelling of this name that is in use there."""
    return name if fields.get(name) is not None else snake(name)


def many(value: Any) -> list[dict[str, Any]]:
    """The objects of an array, or the one that stands there alone."""
    if isinstance(value, dict):
        return [cast("dict[str, Any]", value)]
    return [item for item in items(value) if isinstance(item, dict)]


def settled(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """The same with this name in camelCase, whichever way it was spelled. Of two objects it is both: what a policy
    wrote in camelCase goes over what the client wrote otherwise."""
    other = snake(name)
    if other == name or other not in fields:
        return fields
    value = either(fields, name)
    if isinstance(value, dict):
        value = {**obj(fields[other]), **cast("dict[str, Any]", value)}
    kept = {each: inner for each, inner in fields.items() if each not in (other, name)}
    return {**kept, name: value}
