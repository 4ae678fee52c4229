"""Whether a JSON Schema can be checked against: its shape, its size, and nothing in it that leads elsewhere.

Rule of this module: what is not known to be harmless is not checked, and said to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from policyroute.cel.patterns import PatternError, compile_pattern
from policyroute.schemas.limits import TooDeep, TooLarge, measured
from policyroute.schemas.vocabulary import is_list, is_map

MAX_SCHEMAS: Final = 2_000
"""Schemas within a schema."""

_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_ONES: Final = frozenset(
    """not if then else items contains additionalProperties propertyNames unevaluatedItems unevaluatedProperties
    additionalItems""".split()
)
_ELSEWHERE: Final = frozenset({"$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary"})


class Unusable(Exception):
    """The schema, or the text, cannot be checked. `reason` has nothing of what they say."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_names(value: Any) -> bool:
    return is_list(value) and all(isinstance(each, str) for each in value)


def _is_type(value: Any) -> bool:
    return all(isinstance(each, str) and each in _TYPES for each in (value if is_list(value) else [value]))


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


_SHAPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "type": _is_type,
    "enum": is_list,
    "required": _is_names,
    "dependentRequired": lambda value: is_map(value) and all(map(_is_names, value.values())),
    "uniqueItems": lambda value: isinstance(value, bool),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(
        """minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains""".split(),
        _is_count,
    ),
}


def inspected(schema: Mapping[str, Any]) -> frozenset[str]:
    """The names of properties that it has. Raises Unusable."""
    try:
        measured(schema)
    except TooDeep:
        raise Unusable("the schema is too deep") from None
    except TooLarge:
        raise Unusable("the schema is too large") from None
    names: set[str] = set()
    patterns = closes = False
    for count, (place, each) in enumerate(_within(schema, "")):
        if count >= MAX_SCHEMAS:
            raise Unusable("the schema is too large")
        if isinstance(each, bool):
            continue
        if not is_map(each):
            raise Unusable(f"{place or 'the schema'} is not a schema")
        _look(each, place)
        names.update(each.get("properties", ()), each.get("required", ()))
        patterns = patterns or "patternProperties" in each
        closes = closes or "unevaluatedProperties" in each
    if patterns and closes:
        raise Unusable("unevaluatedProperties beside patternProperties is not checked")
    return frozenset(names)


def _look(schema: Mapping[str, Any], place: str) -> None:
    for keyword, value in schema.items():
        shape = _SHAPES.get(keyword)
        if shape is not None and not shape(value):
            raise Unusable(f"{place}/{keyword} is not as it should be")
        if keyword in _ELSEWHERE or (keyword == "$id" and place):
            raise Unusable(f"{place}/{keyword} is not followed")
        if keyword == "$ref" and not (isinstance(value, str) and value.startswith("#")):
            raise Unusable(f"{place}/$ref leads elsewhere")
        if keyword == "pattern":
            _compiled(value, f"{place}/pattern")
        if keyword == "patternProperties" and is_map(value):
            for pattern in value:
                _compiled(pattern, f"{place}/patternProperties")


def _compiled(pattern: Any, place: str) -> None:
    try:
        compile_pattern(pattern if isinstance(pattern, str) else "(")
    except PatternError as error:
        raise Unusable(f"{place} is no pattern of RE2's") from error


def _within(schema: Any, place: str) -> Iterator[tuple[str, Any]]:
    """This schema and all in it, with where they are."""
    waiting: list[tuple[str, Any]] = [(place, schema)]
    while waiting:
        at, each = waiting.pop()
        yield at, each
        if not is_map(each):
            continue
        for keyword, value in each.items():
            waiting += _parts(keyword, value, f"{at}/{keyword}")


def _parts(keyword: str, value: Any, place: str) -> list[tuple[str, Any]]:
    if keyword in _MAPS:
        if not is_map(value):
            raise Unusable(f"{place} is not as it should be")
        return [(place, each) for each in value.values()]
    if keyword in _LISTS or (keyword == "items" and is_list(value)):
        if not is_list(value) or not value:
            raise Unusable(f"{place} is not as it should be")
        return [(place, each) for each in value]
    return [(place, value)] if keyword in _ONES else []
