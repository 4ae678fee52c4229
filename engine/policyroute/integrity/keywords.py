"""JSON Schema's keywords: jsonschema's own, each paid for, and ours where its own are not bounded.

Rule of this module: before a keyword goes over what it is given, it has spent for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema import validators as untyped_validators
from jsonschema.exceptions import ValidationError

from policyroute.integrity import evaluated
from policyroute.integrity.equality import Choices, key
from policyroute.integrity.patterns import Pattern
from policyroute.integrity.values import listed
from policyroute.integrity.work import spend
from policyroute.schemas.vocabulary import is_list, is_map

_extend: Any = getattr(untyped_validators, "extend")  # noqa: B009 - its types are partly unknown

_ASKED: Final = 5
"""What it costs to ask a keyword at all."""
_CHARACTERS_A_UNIT: Final = 24
"""Of what jsonschema says of an error, the whole of the value included."""

_Found = Iterator[ValidationError]
_Keyword = Callable[[Any, Any, Any, Any], Any]


def _ref(validator: Any, reference: Any, instance: Any, schema: Any) -> _Found:
    yield from validator.descend(instance, reference.schema)


def _pattern(validator: Any, pattern: Pattern, instance: Any, schema: Any) -> _Found:
    if isinstance(instance, str) and not pattern.matches(instance):
        yield ValidationError("")


def _pattern_properties(validator: Any, patterns: Mapping[Pattern, Any], instance: Any, schema: Any) -> _Found:
    if not is_map(instance):
        return
    for pattern, inner in patterns.items():
        for name, value in instance.items():
            if pattern.matches(name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern.text)


def _additional_properties(validator: Any, inner: Any, instance: Any, schema: Any) -> _Found:
    if is_map(instance) and inner is not True:
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", ())
        rest = [name for name in instance if name not in known and not any(each.matches(name) for each in patterns)]
        yield from _rest(validator, inner, instance, rest)


def _unevaluated_properties(validator: Any, inner: Any, instance: Any, schema: Any) -> _Found:
    if is_map(instance) and inner is not True:
        before = {name: value for name, value in schema.items() if name != "unevaluatedProperties"}
        known = evaluated.names(validator, instance, before)
        yield from _rest(validator, inner, instance, [name for name in instance if name not in known])


def _rest(validator: Any, inner: Any, instance: Any, rest: list[str]) -> _Found:
    """Where it is not allowed at all, the message is its names."""
    if inner is False and rest:
        yield ValidationError(listed(sorted(rest)))
    elif inner is not False:
        for name in rest:
            yield from validator.descend(instance[name], inner, path=name)


def _unevaluated_items(validator: Any, inner: Any, instance: Any, schema: Any) -> _Found:
    if is_list(instance) and inner is not True:
        before = {name: value for name, value in schema.items() if name != "unevaluatedItems"}
        known = evaluated.places(validator, instance, before)
        for place, item in enumerate(instance):
            if place not in known:
                yield from validator.descend(item, inner, path=place)


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> _Found:
    if wanted and is_list(instance):
        seen = {(type(each) is str, key(each)) for each in instance}
        if len(seen) < len(instance):
            yield ValidationError("")


def _one_of_these(validator: Any, choices: Choices, instance: Any, schema: Any) -> _Found:
    if not choices.has(instance):
        yield ValidationError("")


def _multiple_of(validator: Any, step: float, instance: Any, schema: Any) -> _Found:
    """By the decimals that are written: 19.99 is a multiple of 0.01, though no float is."""
    if isinstance(instance, int | float) and not isinstance(instance, bool):
        spend(30)
        if Fraction(Decimal(repr(instance))) % Fraction(Decimal(repr(step))):
            yield ValidationError("")


_OURS: Final[Mapping[str, _Keyword]] = {
    "$ref": _ref,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
    "uniqueItems": _unique_items,
    "enum": _one_of_these,
    "const": _one_of_these,
    "multipleOf": _multiple_of,
}

_OVER_ITS_VALUE: Final = frozenset("properties required dependentRequired dependentSchemas".split())
_OVER_THE_INSTANCE: Final = frozenset(
    """items prefixItems contains uniqueItems unevaluatedItems propertyNames additionalProperties patternProperties
    unevaluatedProperties""".split()
)


def _cost(keyword: str) -> Callable[[Any, Any], int]:
    if keyword in _OVER_ITS_VALUE:
        return lambda value, instance: _ASKED + len(value) // 8
    if keyword in _OVER_THE_INSTANCE:
        return lambda value, instance: _ASKED + (len(instance) if is_list(instance) or is_map(instance) else 0)
    return lambda value, instance: _ASKED


def _counted(name: str, keyword: _Keyword) -> _Keyword:
    cost, ours = _cost(name), name in _OURS

    def asked(validator: Any, value: Any, instance: Any, schema: Any) -> _Found:
        spend(cost(value, instance))
        for error in keyword(validator, value, instance, schema) or ():
            spend(_ASKED + len(error.message) // _CHARACTERS_A_UNIT)
            if not ours:
                error.message = ""
            yield error

    return asked


_KEYWORDS: Final[Mapping[str, _Keyword]] = {**Draft202012Validator.VALIDATORS, **_OURS}
CHECKING: Final = _extend(Draft202012Validator, {name: _counted(name, keyword) for name, keyword in _KEYWORDS.items()})
"""The validator class. Its schemas are `Prepared`."""
