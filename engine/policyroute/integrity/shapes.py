"""What the values of JSON Schema's keywords look like, those that are kept as they are.

Rule of this module: what passes here can be asked of any answer without an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from policyroute.schemas.vocabulary import TYPES, is_list, is_map


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_names(value: Any) -> bool:
    return is_list(value) and all(isinstance(each, str) for each in value)


def _is_type(value: Any) -> bool:
    if is_list(value):
        return 0 < len(value) <= len(TYPES) and all(each in TYPES for each in value)
    return value in TYPES


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


SHAPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "type": _is_type,
    "required": _is_names,
    "dependentRequired": lambda value: is_map(value) and all(map(_is_names, value.values())),
    "uniqueItems": lambda value: isinstance(value, bool),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(
        "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains".split(), _is_count
    ),
}
