"""JSON Schemas in one form: keywords in one order, and without what speaks to tools or to one vendor.

Rule of this module: what may be answered stays the same, and so does the order of properties, in which models answer. A
schema that is in this form already is the very schema.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.shapes import items, obj, same
from policyroute.schemas.vocabulary import NAMED, VALUES

_GONE: Final = frozenset({"$comment", "$id", "id", "title", "$schema"})
_ORDER: Final = {
    name: at
    for at, name in enumerate(
        """$ref type description enum const default format properties required additionalProperties items anyOf oneOf
        allOf $defs definitions""".split()
    )
}
_VALUES: Final = VALUES | {"required", "dependentRequired"}
"""Keywords whose values are no schemas."""
DEEPEST: Final = 100


def canonical(schema: Any) -> Any:
    """Of a schema, or of what stands in the place of one."""
    return _schema(schema, _refers(schema, 0), 0)


def _refers(node: Any, depth: int) -> bool:
    """Whether a reference goes by anything but a place in the schema: then ids are needed."""
    if depth > DEEPEST:
        return True
    if isinstance(node, dict):
        fields = obj(node)
        ref = fields.get("$ref")
        if isinstance(ref, str) and not ref.startswith("#/") and ref != "#":
            return True
        return any(_refers(value, depth + 1) for value in fields.values())
    return isinstance(node, list) and any(_refers(each, depth + 1) for each in items(node))


def _schema(node: Any, ids: bool, depth: int) -> Any:
    if depth > DEEPEST:
        return node
    if isinstance(node, list):
        given = items(node)
        told = [_schema(each, ids, depth + 1) for each in given]
        return given if same(told, given) else told
    if not isinstance(node, dict):
        return node
    fields = obj(node)
    wanted = sorted((name for name in fields if not _is_gone(name, fields[name], ids)), key=_place)
    written = {name: _keyword(name, fields[name], ids, depth + 1) for name in wanted}
    return fields if wanted == list(fields) and same(written.values(), fields.values()) else written


def _is_gone(name: str, value: Any, ids: bool) -> bool:
    if name.startswith("x-"):
        return True
    return name in _GONE and not (ids and name in ("$id", "id", "$schema")) and isinstance(value, str)


def _place(name: str) -> tuple[int, str]:
    """Of a keyword among the others."""
    return (_ORDER.get(name, len(_ORDER)), name if name not in _ORDER else "")


def _keyword(name: str, value: Any, ids: bool, depth: int) -> Any:
    if name in _VALUES:
        return value
    if name in NAMED and isinstance(value, dict):
        given = obj(value)
        told = {each: _schema(inner, ids, depth + 1) for each, inner in given.items()}
        return given if same(told.values(), given.values()) else told
    return _schema(value, ids, depth)
