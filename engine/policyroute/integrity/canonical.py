"""A schema in one form, so that what asks for the same has the same bytes.

Rule of this module: only what says nothing about a value is left out, and only where it is a keyword: a property may
well be called `title`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from policyroute.integrity.older import refers_alone
from policyroute.integrity.places import HOMES, LISTS, MAPS, ONES
from policyroute.schemas.vocabulary import is_list, is_map

_SILENT: Final = frozenset({"title", "description", "examples", "example", "$comment", "default", "$id", "$schema"})
_NAMED: Final = MAPS | HOMES | {"dependencies"}
_WITHIN: Final = LISTS | ONES | {"additionalItems"}


def canonical(schema: Mapping[str, Any]) -> bytes:
    """Its bytes as JSON."""
    found = _of(dict(schema))
    if refers_alone(schema):
        found["$schema"] = "older"
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS)


def _of(schema: Any) -> Any:
    if is_list(schema):
        return [_of(each) for each in schema]
    if not is_map(schema):
        return schema
    found: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _SILENT:
            continue
        if keyword in _NAMED and is_map(value):
            found[keyword] = {name: _of(inner) for name, inner in value.items()}
        else:
            found[keyword] = _of(value) if keyword in _WITHIN else value
    return found
