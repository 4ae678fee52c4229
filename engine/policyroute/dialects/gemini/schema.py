"""Gemini: the schemas it writes in words of its own, as JSON Schema.

Rule of this module: it never raises. What is JSON Schema already comes back as it is.
"""

from __future__ import annotations

from typing import Any

from policyroute.dialects.gemini.spelling import camel
from policyroute.dialects.shapes import items, obj, text

_NUMBERS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_MAPS = ("properties", "$defs", "defs")
_DROPPED = frozenset({"nullable", "propertyOrdering", "example"})


def standard(schema: dict[str, Any]) -> dict[str, Any]:
    """`{type: STRING, nullable: true}` as `{type: [string, null]}`, and so on inside."""
    found: dict[str, Any] = {}
    for name, value in schema.items():
        key = camel(name)
        if key not in _DROPPED:
            found[key] = _value(key, value)
    kind = found.get("type")
    if schema.get("nullable") is True and isinstance(kind, str):
        found["type"] = [kind, "null"]
    return found


def _value(key: str, value: Any) -> Any:
    if key == "type":
        return text(value).lower() or value
    if key in _MAPS:
        return {name: standard(obj(inner)) for name, inner in obj(value).items()}
    if key == "items" or (key == "additionalProperties" and isinstance(value, dict)):
        return standard(obj(value))
    if key in {"anyOf", "oneOf", "prefixItems"}:
        return [standard(obj(inner)) for inner in items(value)]
    if key in _NUMBERS and isinstance(value, str) and value.isdecimal():
        return int(value[:9])  # 64 bits of a number are written as text
    return value
