"""The words of JSON Schema: what each keyword speaks of, what its value looks like, in which order they are written.

Rule of this module: facts of JSON Schema (2020-12, and where older drafts and OpenAPI differ), none of any vendor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

Schema = dict[str, Any]

TYPES: Final = ("object", "array", "string", "integer", "number", "boolean", "null")
SCALARS: Final = ("string", "number", "boolean", "null")

_OF_TYPE: Final[Mapping[str, str]] = {
    "object": "properties required additionalProperties patternProperties propertyNames minProperties maxProperties "
    "dependentRequired dependentSchemas dependencies unevaluatedProperties propertyOrdering",
    "array": "items prefixItems minItems maxItems uniqueItems contains minContains maxContains unevaluatedItems",
    "string": "minLength maxLength pattern contentEncoding contentMediaType contentSchema",
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
}
SPEAKS_OF: Final[Mapping[str, str]] = {word: kind for kind, words in _OF_TYPE.items() for word in words.split()}
"""The type that a keyword constrains; values of other types it lets pass."""

ANNOTATIONS: Final = ("title", "description", "default", "examples", "example")
"""What constrains nothing and is of use to a model."""
SILENT: Final = frozenset(
    "$schema $id $anchor $comment $vocabulary $dynamicAnchor id $defs definitions "
    "deprecated readOnly writeOnly discriminator".split()
)
"""What says nothing about a document once references are resolved: left out without a word."""

NAMED: Final = frozenset(("properties", "patternProperties", "dependentSchemas", "$defs", "definitions"))
"""What has schemas by names, which are no keywords."""
VALUES: Final = frozenset(("enum", "const", "default", "examples", "example"))
"""What has values, which are no schemas."""

LOGIC: Final = ("if", "then", "else", "not", "$dynamicRef", "$recursiveRef")
ORDER: Final = (
    *("$ref", "type", "nullable", "title", "description", "format", "enum", "const", "anyOf"),
    *SPEAKS_OF,
    *LOGIC,
    *("default", "examples", "example"),
)
"""Every keyword that is understood, in the order in which a schema is written."""
KNOWN: Final = frozenset((*ORDER, "allOf", "oneOf"))
_PLACE: Final[Mapping[str, int]] = {word: place for place, word in enumerate(ORDER)}

_KINDS: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "boolean",  # before int, of which it is one
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
}

_COUNTS: Final = frozenset(
    "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains".split()
)
_FROM_ZERO: Final = frozenset(("minLength", "minItems", "minProperties"))
_NUMBERS: Final = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
_LISTS: Final = frozenset(("anyOf", "oneOf", "allOf", "prefixItems", "enum", "required"))
_MAPS: Final = frozenset(("properties", "patternProperties", "dependentSchemas", "dependentRequired"))
_TEXTS: Final = frozenset(("$ref", "title", "description", "format", "pattern"))
_SCHEMAS: Final = frozenset(("additionalProperties", "propertyNames", "contains", "not"))


def is_map(value: Any) -> TypeGuard[Schema]:
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_schema(value: Any) -> TypeGuard[Schema | bool]:
    return isinstance(value, dict | bool)


def says_nothing(word: str, value: Any) -> bool:
    """Whether a keyword has the value that it has where it is not written."""
    return value is False if word == "uniqueItems" else word in _FROM_ZERO and value == 0


def well_formed(word: str, value: Any) -> bool:
    """Whether a keyword's value is of the shape that gives it a meaning."""
    if word in _COUNTS or word in _NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if word in _LISTS:
        return is_list(value) and bool(value or word in {"required", "prefixItems"})
    if word in _MAPS:
        return isinstance(value, dict)
    if word in _TEXTS:
        return isinstance(value, str)
    return not (word in _SCHEMAS or word == "items") or isinstance(value, dict | bool)


def ordered(schema: Schema) -> Schema:
    """The same schema, its keywords in the one order."""
    return {word: schema[word] for word in sorted(schema, key=lambda word: _PLACE.get(word, len(ORDER)))}


def kind_of(value: Any) -> str:
    """The type of a JSON value; a whole number is an integer."""
    return next((kind for of, kind in _KINDS.items() if isinstance(value, of)), "object")


def is_of(value: Any, kinds: list[str]) -> bool:
    """Whether a value is of one of these types."""
    kind = kind_of(value)
    if kind == "number" and value.is_integer():
        return "number" in kinds or "integer" in kinds
    return kind in kinds or (kind == "integer" and "number" in kinds)
