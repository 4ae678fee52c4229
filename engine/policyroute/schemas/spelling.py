"""How a subset spells what every schema has to say: a type, "or null", and in words what it has no keyword for.

Rule of this module: it works on nodes that are written already, and never looks up what they refer to.
"""

from __future__ import annotations

import json
from typing import Any, Final

from policyroute.schemas.subset import Subset
from policyroute.schemas.vocabulary import Schema, is_list, ordered

MAX_WORDS: Final = 1000
"""Characters of a constraint that is put into words; a longer one would cost more than it tells."""

_TYPE_NULL: Final = frozenset(("null", "NULL"))


def spelt_type(kind: str, subset: Subset) -> str:
    return kind.upper() if subset.upper else kind


def null(subset: Subset) -> Schema:
    return {"type": spelt_type("null", subset)}


def is_null(node: Schema) -> bool:
    return node.get("type") in _TYPE_NULL if isinstance(node.get("type"), str) else False


def takes_null(node: Schema) -> bool:
    """Whether a node is sure to take null."""
    if node.get("nullable") is True or is_null(node):
        return True
    if "anyOf" in node:
        return any(takes_null(branch) for branch in node["anyOf"])
    if "enum" in node:
        return None in node["enum"]
    if "const" in node:
        return node["const"] is None
    kinds = node.get("type")
    return "null" in kinds if is_list(kinds) else kinds is None and "$ref" not in node


def or_null(node: Schema, subset: Subset) -> Schema:
    """The node, taking null as well."""
    if takes_null(node):
        return node
    if subset.null == "nullable":
        return ordered({**node, "nullable": True})
    if "anyOf" in node:
        return {**node, "anyOf": [*node["anyOf"], null(subset)]}
    literal = "enum" in node or "const" in node
    if "enum" in node and "null" in subset.enums:
        return _typed_or_null({**node, "enum": [*node["enum"], None]}, subset)
    if not literal and subset.null == "type" and "type" in node:
        return _typed_or_null(node, subset)
    outer: Schema = {word: node[word] for word in ("title", "description") if word in node}
    inner = {word: value for word, value in node.items() if word not in outer}
    return ordered({**outer, "anyOf": [inner, null(subset)]})


def _typed_or_null(node: Schema, subset: Subset) -> Schema:
    if "type" not in node:
        return node
    kinds = node["type"] if is_list(node["type"]) else [node["type"]]
    if subset.null != "type":
        return {word: value for word, value in node.items() if word != "type"}
    return {**node, "type": [*kinds, "null"]}


def in_words(description: Any, word: str, value: Any) -> str | None:
    """The description with a constraint that has no keyword; None where that would be too long."""
    told = f"({word}: {json.dumps(value, ensure_ascii=False, separators=(', ', ': '), default=str)})"
    if len(told) > MAX_WORDS:
        return None
    return f"{description} {told}" if isinstance(description, str) and description else told
