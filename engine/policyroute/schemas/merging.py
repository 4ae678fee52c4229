"""Two schemas that both apply, as one; several of which one applies, as one object.

Rule of this module: what both demand may come out weaker, never stronger. What lies deeper is put off,
as an `allOf` there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from policyroute.schemas.limits import TooLarge
from policyroute.schemas.reading import literals
from policyroute.schemas.vocabulary import Schema

MAX_PRODUCT: Final = 32
"""Branches that two sets of alternatives may make together."""


def merged(first: Schema, second: Schema, notes: set[str]) -> Schema:
    """A schema for documents that both take; both have been read. `allOf` is noted where a demand is left out."""
    both = dict(first)
    if literals(first) is not None and literals(second) is not None:
        second = _common_literals(both, second, notes)
    for word, value in second.items():
        if word not in both:
            both[word] = value
        elif not same(both[word], value):
            joined = _JOINS.get(word, _unjoined)(both[word], value)
            if joined is None:
                notes.add("allOf")
            else:
                both[word] = joined
    return both


def same(first: Any, second: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return first == second and key(first) == key(second)


def key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def unique(values: list[Any]) -> list[Any]:
    return list({key(value): value for value in reversed(values)}.values())[::-1] if len(values) > 1 else values


def _common_literals(both: Schema, second: Schema, notes: set[str]) -> Schema:
    wanted = {key(value) for value in literals(second) or ()}
    values = [value for value in literals(both) or () if key(value) in wanted]
    if not values:
        notes.add("allOf")
    elif "const" not in both:
        both["enum"] = values
    return {word: value for word, value in second.items() if word not in {"enum", "const"}}


def _unjoined(first: Any, second: Any) -> Any:
    return None


def _conjoined(first: Any, second: Any) -> Any:
    return {"allOf": [first, second]}


def _types(first: list[str], second: list[str]) -> list[str] | None:
    wide = {"integer"} if "number" in second else set[str]()
    kinds = [kind for kind in first if kind in second or kind in wide]
    if "number" in first and "integer" in second and "integer" not in kinds and "number" not in second:
        kinds.append("integer")
    return kinds or None


def _maps(first: Schema, second: Schema) -> Schema:
    both = dict(first)
    for name, value in second.items():
        both[name] = value if name not in both or same(both[name], value) else _conjoined(both[name], value)
    return both


def _others(first: Any, second: Any) -> Any:
    return False if False in (first, second) else _conjoined(first, second)


def _names(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(name for name in second if name not in first)]


def _branches(first: list[Any], second: list[Any]) -> list[Any]:
    if len(first) * len(second) > MAX_PRODUCT:
        raise TooLarge
    return [_conjoined(one, other) for one in first for other in second]


def _texts(first: str, second: str) -> str:
    return first if second in first else f"{first} {second}"


def _kept(first: Any, second: Any) -> Any:
    return first


_JOINS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "type": _types,
    "properties": _maps,
    "patternProperties": _maps,
    "required": _names,
    "additionalProperties": _others,
    "items": _conjoined,
    "anyOf": _branches,
    "description": _texts,
    **dict.fromkeys(("title", "default", "examples", "example", "propertyOrdering"), _kept),
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"), min),
}


def united(objects: list[Schema]) -> Schema:
    """One object schema for documents that any of these take."""
    properties: dict[str, list[Any]] = {}
    for schema in objects:
        for name, value in schema.get("properties", {}).items():
            properties.setdefault(name, []).append(value)
    shared = [name for name in objects[0].get("required", ()) if all(name in o.get("required", ()) for o in objects)]
    union: Schema = {
        "type": ["object"],
        "properties": {name: _any_of(unique(values)) for name, values in properties.items()},
        "required": shared,
    }
    if all(schema.get("additionalProperties") is False for schema in objects):
        union["additionalProperties"] = False
    return union


def _any_of(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else {"anyOf": values}
