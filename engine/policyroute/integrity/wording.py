"""What is wrong with an answer, in words for the model that gave it.

Rule of this module: short, exact, and the same for the same mistake: what was expected, and what is there instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from jsonschema.exceptions import ValidationError

from policyroute.integrity.equality import Choices
from policyroute.integrity.values import cut, listed, shown
from policyroute.schemas.vocabulary import is_list, kind_of

_LONGEST: Final = 500
_CLOSING: Final = frozenset({"additionalProperties", "unevaluatedProperties"})


def told(path: str, error: ValidationError) -> str:
    """At most 500 characters."""
    wanted: Any = error.validator_value
    if error.validator in _CLOSING and error.message:
        return cut(f"At {path}: properties that are not allowed: {error.message}{_allowed(error.schema)}.", _LONGEST)
    say = _WORDS.get(str(error.validator), _otherwise)
    return cut(f"At {path}: {say(wanted, error.instance, error.schema)}.", _LONGEST)


def _allowed(schema: Any) -> str:
    return f"; allowed are {listed(schema['properties'])}" if schema.get("properties") else ""


def no_json(error: orjson.JSONDecodeError) -> str:
    return (
        f"The answer is not JSON: it cannot be read at line {error.lineno}, column {error.colno}. "
        "Answer with the JSON value alone: no text before or after it, no code fence."
    )


def _required(wanted: Any, got: Any, schema: Any) -> str:
    missing = [name for name in wanted if name not in got]
    return f"the required {'property is' if len(missing) == 1 else 'properties are'} missing: {listed(missing)}"


def _type(wanted: Any, got: Any, schema: Any) -> str:
    return f"expected {' or '.join(wanted) if is_list(wanted) else wanted}, got {kind_of(got)}"


def _choice(wanted: Choices, got: Any, schema: Any) -> str:
    return f"expected {'one of ' if len(wanted.values) > 1 else ''}{listed(wanted.values)}, got {shown(got)}"


def _bound(relation: str) -> Callable[[Any, Any, Any], str]:
    return lambda wanted, got, schema: f"expected a number {relation} {shown(wanted)}, got {shown(got)}"


def _count(relation: str, what: str) -> Callable[[Any, Any, Any], str]:
    return lambda wanted, got, schema: f"expected at {relation} {shown(wanted)} {what}, got {len(got)}"


def _otherwise(wanted: Any, got: Any, schema: Any) -> str:
    return f"{shown(got)} is not allowed here"


_WORDS: Final[Mapping[str, Callable[[Any, Any, Any], str]]] = {
    "required": _required,
    "type": _type,
    "enum": _choice,
    "const": _choice,
    "pattern": lambda wanted, got, schema: f"{shown(got)} does not match the pattern {wanted.text}",
    "minimum": _bound("of at least"),
    "maximum": _bound("of at most"),
    "exclusiveMinimum": _bound("above"),
    "exclusiveMaximum": _bound("below"),
    "multipleOf": _bound("that is a multiple of"),
    "minLength": _count("least", "characters"),
    "maxLength": _count("most", "characters"),
    "minItems": _count("least", "items"),
    "maxItems": _count("most", "items"),
    "minProperties": _count("least", "properties"),
    "maxProperties": _count("most", "properties"),
    "uniqueItems": lambda wanted, got, schema: "the items are not unique",
    "anyOf": lambda wanted, got, schema: f"{shown(got)} fits none of the {len(wanted)} alternatives",
    "oneOf": lambda wanted, got, schema: f"{shown(got)} does not fit exactly one of the {len(wanted)} alternatives",
    "contains": lambda wanted, got, schema: "there are too few, or too many, of the items that it has to contain",
    "dependentRequired": lambda wanted, got, schema: "a property that another one requires is missing",
}
