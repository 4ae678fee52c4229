"""A document that answers a schema in which every property was required, as the original schema has it.

Rule of this module: only nulls go, and only where the original leaves the property out rather than null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policyroute.schemas.fitted import fitted
from policyroute.schemas.merging import same
from policyroute.schemas.references import References
from policyroute.schemas.spelling import takes_null
from policyroute.schemas.subset import CANONICAL
from policyroute.schemas.vocabulary import Schema, is_list, is_map, is_of

MAX_STEPS: Final = 50_000
"""Values looked at in one document, once for each alternative that it may follow."""
MAX_DEPTH: Final = 100


class _Beyond(Exception):
    """More than is looked at."""


def restored(document: Any, schema: Mapping[str, Any]) -> Any:
    """The document without the nulls that stand for properties left out. `schema` is the original one.

    A document that is too deep or too large comes back as it is, and so does one by a schema that was not rewritten.
    """
    original, notes = fitted(schema, CANONICAL)
    if "too_deep" in notes or "too_large" in notes:
        return document
    try:
        return _Restoring(original).value(document, original, 0)
    except _Beyond:
        return document


class _Restoring:
    def __init__(self, root: Schema) -> None:
        self._references = References(root)
        self._steps = 0

    def value(self, value: Any, node: Any, depth: int) -> Any:
        if not is_map(value) and not is_list(value):
            return value
        node = self._followed(node, depth)
        if "anyOf" in node:
            return self._by_branch(value, node["anyOf"], depth)
        if is_map(value):
            return self._members(value, node, depth)
        return [self.value(item, _item_schema(node, place), depth + 1) for place, item in enumerate(value)]

    def _members(self, value: dict[str, Any], node: Schema, depth: int) -> dict[str, Any]:
        properties, required = node.get("properties", {}), node.get("required", ())
        others = node.get("additionalProperties")
        return {
            name: self.value(member, properties.get(name, others), depth + 1)
            for name, member in value.items()
            if member is not None
            or name not in properties
            or name in required
            or self._may_be_null(properties[name], depth)
        }

    def _by_branch(self, value: Any, branches: list[Any], depth: int) -> Any:
        """As the first alternative has it that takes what comes out; as it is where none does."""
        for branch in branches:
            candidate = self.value(value, branch, depth + 1)
            if self._takes(branch, candidate, depth + 1):
                return candidate
        return value

    def _takes(self, node: Any, value: Any, depth: int) -> bool:
        """Whether a document has the shape that a node asks for; bounds and patterns are not looked at."""
        node = self._followed(node, depth)
        if "anyOf" in node:
            return any(self._takes(branch, value, depth + 1) for branch in node["anyOf"])
        kinds = node.get("type")
        if kinds is not None and not is_of(value, kinds if is_list(kinds) else [kinds]):
            return False
        if "const" in node or "enum" in node:
            return any(same(value, listed) for listed in node.get("enum", [node.get("const")]))
        if is_list(value):
            return all(self._takes(_item_schema(node, place), item, depth + 1) for place, item in enumerate(value))
        return not is_map(value) or self._takes_members(node, value, depth)

    def _takes_members(self, node: Schema, value: dict[str, Any], depth: int) -> bool:
        properties, others = node.get("properties", {}), node.get("additionalProperties")
        if any(name not in value for name in node.get("required", ())):
            return False
        if others is False and "patternProperties" not in node and any(name not in properties for name in value):
            return False
        return all(self._takes(properties.get(name, others), member, depth + 1) for name, member in value.items())

    def _may_be_null(self, node: Any, depth: int) -> bool:
        node = self._followed(node, depth)
        if "anyOf" in node:
            return any(self._may_be_null(branch, depth + 1) for branch in node["anyOf"])
        return takes_null(node)

    def _followed(self, node: Any, depth: int) -> Schema:
        """The node, or what it refers to; one that says nothing takes everything."""
        for _ in range(MAX_DEPTH):
            self._steps += 1
            if depth > MAX_DEPTH or self._steps > MAX_STEPS:
                raise _Beyond
            if not is_map(node):
                return {}
            if "$ref" not in node:
                return node
            node = self._references.target(node["$ref"])
        return {}


def _item_schema(node: Schema, place: int) -> Any:
    places = node.get("prefixItems", ())
    return places[place] if place < len(places) else node.get("items")
