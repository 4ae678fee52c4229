"""What older drafts and OpenAPI say otherwise, in the words of the draft of 2020-12.

Rule of this module: one schema at a time, not what is in it. Words that mean the same in all drafts stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from policyroute.schemas.vocabulary import is_list, is_map

_REFERENCE_ALONE: Final = re.compile(r"https?://json-schema\.org/draft-0[34567]/schema#?")
_BOUNDS: Final = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


def refers_alone(schema: Mapping[str, Any]) -> bool:
    """Whether it is of a draft in which nothing that stands beside a `$ref` counts."""
    draft = schema.get("$schema")
    return isinstance(draft, str) and _REFERENCE_ALONE.fullmatch(draft) is not None


def modern(schema: Mapping[str, Any], *, alone: bool) -> Mapping[str, Any]:
    if alone and "$ref" in schema:
        return {name: value for name, value in schema.items() if name in {"$ref", "definitions"}}
    if not (is_list(schema.get("items")) or "dependencies" in schema or _has_flag(schema)):
        return schema
    said = dict(schema)
    if is_list(said.get("items")):
        said["prefixItems"] = said.pop("items")
        if "additionalItems" in said:
            said["items"] = said.pop("additionalItems")
    _depend(said)
    for exclusive, bound in _BOUNDS.items():
        if isinstance(said.get(exclusive), bool) and said.pop(exclusive) and bound in said:
            said[exclusive] = said.pop(bound)
    return said


def _has_flag(schema: Mapping[str, Any]) -> bool:
    return any(isinstance(schema.get(exclusive), bool) for exclusive in _BOUNDS)


def _depend(said: dict[str, Any]) -> None:
    depends = said.pop("dependencies", None)
    if not is_map(depends):
        return
    required = {name: value for name, value in depends.items() if is_list(value)}
    schemas = {name: value for name, value in depends.items() if not is_list(value)}
    for keyword, more in (("dependentRequired", required), ("dependentSchemas", schemas)):
        there = said.get(keyword, {})
        if more and is_map(there):
            said[keyword] = {**there, **more}
