"""The smallest value that fits a JSON Schema, for answers that must.

Rule of this module: always the same value for the same schema, and never deeper or larger than the bounds below.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.shapes import count, items, obj, text

_DEEPEST: Final = 24
_LARGEST: Final = 2000
"""Values in one instance: a schema that refers to itself twice doubles with every level."""
_FORMATS: Final = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}


def instance(schema: dict[str, Any]) -> Any:
    """A value for the schema. Only local `$ref`s are followed."""
    return _Instance(schema).of(schema, 0)


class _Instance:
    """One value in the making: what its references refer to, and how much it may still grow."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = _LARGEST

    def of(self, schema: dict[str, Any], depth: int) -> Any:
        schema = _chosen(schema, self._root)
        self._left -= 1
        if "const" in schema:
            return schema["const"]
        if items(schema.get("enum")):
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((one for one in items(kind) if one != "null"), "null")
        deeper = depth < _DEEPEST and self._left > 0
        if kind == "object":
            return self._object(schema, depth + 1) if deeper else {}
        if kind == "array":
            fewest = min(count(schema.get("minItems")), self._left) if deeper else 0
            return [self.of(obj(schema.get("items")), depth + 1) for _ in range(fewest)]
        return _scalar(kind, schema)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = obj(schema.get("properties"))
        needed = [name for name in items(schema.get("required")) if isinstance(name, str)]
        return {name: self.of(obj(properties.get(name)), depth) for name in needed}


def _chosen(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema behind references and alternatives: the first that will do, and all that must."""
    for _ in range(_DEEPEST):
        reference = text(schema.get("$ref"))
        first = next(iter(items(schema.get("anyOf")) or items(schema.get("oneOf"))), None)
        together = items(schema.get("allOf"))
        if reference.startswith("#"):
            schema = _referred(reference, root)
        elif isinstance(first, dict):
            schema = obj(first)
        elif together:
            rest = {name: value for name, value in schema.items() if name != "allOf"}
            schema = _merged([rest, *map(obj, together)])
        else:
            break
    return schema


def _referred(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    found = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = obj(found.get(step.replace("~1", "/").replace("~0", "~")))
    return found


def _merged(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for schema in schemas:
        properties = {**obj(merged.get("properties")), **obj(schema.get("properties"))}
        required = [*items(merged.get("required")), *items(schema.get("required"))]
        merged = {**merged, **schema, "properties": properties, "required": required}
    return merged


def _scalar(kind: Any, schema: dict[str, Any]) -> Any:
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    fallback = "x" * min(count(schema.get("minLength")), 1000)
    return _FORMATS.get(text(schema.get("format")), fallback)


def _number(schema: dict[str, Any]) -> Any:
    least, above, most = (schema.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    if isinstance(least, (int, float)):
        return least
    if isinstance(above, (int, float)):
        return above + 1
    return min(0, most) if isinstance(most, (int, float)) else 0
