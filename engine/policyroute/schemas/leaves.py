"""What a node says of values of its types: listed values, members, items, bounds.

Rule of this module: a keyword is written as it is, written weaker, or handed back as one that cannot be said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from policyroute.schemas.limits import Way
from policyroute.schemas.merging import unique
from policyroute.schemas.spelling import or_null, spelt_type
from policyroute.schemas.subset import Subset
from policyroute.schemas.vocabulary import SCALARS, SPEAKS_OF, Schema, is_map, is_of, kind_of

_LOOKS_AROUND: Final = re.compile(r"\(\?<?[=!]")
_WEAKER: Final = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


class Fitter(Protocol):
    """What fits the schemas within a node."""

    subset: Subset
    notes: set[str]

    def node(self, raw: Any, way: Way) -> Schema: ...

    def any_of(self, fitted: list[Schema], told: Schema) -> Schema: ...


def anything(subset: Subset) -> Schema:
    """A node that takes anything, or as near to it as the subset comes."""
    if not subset.typed:
        return {}
    kinds = [kind for kind in SCALARS if kind != "null"]
    match subset.null:
        case "type":
            return {"type": list(SCALARS)}
        case "branch":
            return {"anyOf": [{"type": kind} for kind in SCALARS]}
        case "nullable":
            return {"nullable": True, "anyOf": [{"type": spelt_type(kind, subset)} for kind in kinds]}


def types(kinds: list[str], subset: Subset) -> Any:
    spelt = [spelt_type(kind, subset) for kind in kinds]
    return spelt[0] if len(spelt) == 1 else spelt


def only_of(schema: Schema, kind: str) -> Schema:
    """What a schema demands of values of one type."""
    spoken = "number" if kind == "integer" else kind
    return {
        word: value
        for word, value in schema.items()
        if (SPEAKS_OF[word] == spoken if word in SPEAKS_OF else word == "format" and kind in {"string", "number"})
    }


def listed(kinds: list[str], values: list[Any], subset: Subset, *, const: bool) -> Schema | None:
    """A node for values that are listed; None where the subset cannot list them. Null is added by who asks."""
    fitting = unique([value for value in values if is_of(value, kinds)])
    there = list(dict.fromkeys(kind_of(value) for value in fitting))
    if "null" in there and "null" not in subset.enums:
        fitting = [value for value in fitting if value is not None]
        there.remove("null")
        if not fitting:
            return {"type": spelt_type("null", subset)}
    if not fitting or not set(there) <= subset.enums:
        return None
    node: Schema = {"const": fitting[0]} if const and "const" in (subset.keywords or ()) else {"enum": fitting}
    used = [kind for kind in kinds if any(is_of(value, [kind]) for value in fitting)]
    if len(used) == 1 or subset.null == "type":
        node["type"] = types(used, subset)
    return node


def written(
    fitter: Fitter, schema: Schema, asked: set[str], kinds: list[str], way: Way
) -> tuple[Schema, Mapping[str, Any]]:
    """What is written of the keywords asked for, and which of them are left unsaid."""
    subset = fitter.subset
    node: Schema = {}
    unsaid: Schema = {}
    if "object" in kinds:
        node |= _object(fitter, schema, unsaid, way)
    if "array" in kinds:
        node |= _array(fitter, schema, unsaid, way)
    for word in schema:
        if word not in asked or word in _BY_NODE:
            continue
        if _may_say(word, schema[word], subset):
            node[word] = schema[word]
            continue
        unsaid[word] = schema[word]
        if (near := _WEAKER.get(word)) and near in (subset.keywords or ()):
            bounds = [value for value in (schema.get(near), schema[word]) if value is not None]
            node[near] = max(bounds) if near == "minimum" else min(bounds)
    return node, unsaid


_BY_NODE: Final = frozenset(
    ("properties", "required", "additionalProperties", "patternProperties", "items", "prefixItems")
)


def _may_say(word: str, value: Any, subset: Subset) -> bool:
    if word not in (subset.keywords or ()):
        return False
    if word == "format":
        return value in subset.formats or not subset.formats
    if word == "pattern":
        return not _LOOKS_AROUND.search(value)
    return word not in subset.only or value in subset.only[word]


def _object(fitter: Fitter, schema: Schema, unsaid: Schema, way: Way) -> Schema:
    subset = fitter.subset
    declared: Schema = schema.get("properties", {})
    required = list(dict.fromkeys(name for name in schema.get("required", ()) if isinstance(name, str)))
    fitted = {
        name: fitter.node(value, way) for name, value in declared.items() if value is not False or name in required
    }
    for name in required:
        if name not in fitted:
            fitted[name] = fitter.node({}, way)
    if subset.complete:
        fitted = {name: node if name in required else or_null(node, subset) for name, node in fitted.items()}
        required = list(fitted)
    node: Schema = {}
    if fitted or subset.closed or "properties" in schema:
        node["properties"] = fitted
    if required or subset.complete or "required" in schema:
        node["required"] = required
    others = _others(fitter, schema, unsaid, way)
    return node if others is None else {**node, "additionalProperties": others}


def _others(fitter: Fitter, schema: Schema, unsaid: Schema, way: Way) -> Schema | bool | None:
    """`additionalProperties`. Names by a pattern are among the additional ones for whoever has no patterns."""
    subset = fitter.subset
    others: Any = schema.get("additionalProperties")
    patterns: Schema = schema.get("patternProperties", {})
    if patterns and "patternProperties" not in (subset.keywords or ()):
        unsaid["patternProperties"] = patterns
        others = next(iter(patterns.values())) if others is False and len(patterns) == 1 else None
    if subset.closed:
        said = schema.get("additionalProperties")
        _unsaid_others(fitter, None if said is False else said, unsaid)
        return False
    if "additionalProperties" in (subset.keywords or ()):
        return others if others is None or isinstance(others, bool) else fitter.node(others, way)
    _unsaid_others(fitter, None if others is True else others, unsaid)
    return None


def _unsaid_others(fitter: Fitter, others: Any, unsaid: Schema) -> None:
    """Open or closed alone is not worth words: it would be there for every object."""
    if is_map(others) and others:
        unsaid["additionalProperties"] = others
    elif others is not None:
        fitter.notes.add("additionalProperties")


def _array(fitter: Fitter, schema: Schema, unsaid: Schema, way: Way) -> Schema:
    subset = fitter.subset
    places: list[Any] = schema.get("prefixItems", [])
    rest: Any = schema.get("items", True)
    if places and "prefixItems" in (subset.keywords or ()):
        node: Schema = {"prefixItems": [fitter.node(place, way) for place in places]}
        return {**node, "items": fitter.node(rest, way)} if is_map(rest) else node
    if places:
        unsaid["prefixItems"] = places
        closed = schema.get("maxItems", len(places) + 1) <= len(places)
        fitted = [fitter.node(place, way) for place in (places if closed else [*places, rest])]
        return {"items": fitter.any_of(fitted, {})}
    if rest is True:
        return {"items": fitter.node({}, way)} if subset.typed else {}
    return {"items": fitter.node(rest, way)}
