"""What of an object or a list is spoken of by a schema: `unevaluatedProperties` and `unevaluatedItems` are about the
rest.

Rule of this module: only what fits speaks, and every step is paid for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyroute.integrity.work import spend
from policyroute.schemas.vocabulary import is_map

_STEP = 4


def names(validator: Any, instance: dict[str, Any], schema: Any) -> set[str]:
    """Of the object's properties."""
    spend(_STEP)
    if not is_map(schema):
        return set()
    if "additionalProperties" in schema or "unevaluatedProperties" in schema:
        return set(instance)
    known = schema.get("properties", {})
    found = {name for name in instance if name in known}
    for pattern in schema.get("patternProperties", ()):
        found |= {name for name in instance if pattern.matches(name)}
    for name, inner in schema.get("dependentSchemas", {}).items():
        if name in instance:
            found |= names(validator, instance, inner)
    for inner in _in_place(validator, instance, schema):
        found |= names(validator, instance, inner)
    return found


def places(validator: Any, instance: list[Any], schema: Any) -> set[int]:
    """Of the list's items."""
    spend(_STEP)
    if not is_map(schema):
        return set()
    spend(len(instance))
    if "items" in schema or "unevaluatedItems" in schema:
        return set(range(len(instance)))
    found = set(range(min(len(instance), len(schema.get("prefixItems", ())))))
    if "contains" in schema:
        found |= {place for place, item in enumerate(instance) if _fits(validator, item, schema["contains"])}
    for inner in _in_place(validator, instance, schema):
        found |= places(validator, instance, inner)
    return found


def _in_place(validator: Any, instance: Any, schema: dict[str, Any]) -> Iterator[Any]:
    """The schemas in it that speak of the same value and that it fits."""
    if "$ref" in schema:
        yield schema["$ref"].schema
    for keyword in ("allOf", "anyOf", "oneOf"):
        for inner in schema.get(keyword, ()):
            if _fits(validator, instance, inner):
                yield inner
    if "if" in schema:
        fits = _fits(validator, instance, schema["if"])
        if fits:
            yield schema["if"]
        yield schema.get("then" if fits else "else", True)


def _fits(validator: Any, instance: Any, schema: Any) -> bool:
    return next(validator.descend(instance, schema), None) is None
