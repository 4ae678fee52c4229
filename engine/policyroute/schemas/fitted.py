"""A JSON Schema, rewritten to what a target takes.

Rule of this module: the same schema gives the same bytes; nothing that comes in is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from policyroute.schemas.fitting import Fitting
from policyroute.schemas.limits import TooDeep, TooLarge, measured
from policyroute.schemas.subset import SUBSETS, Subset

_MAX_KEPT: Final = 8192
"""Bytes of a schema whose rewriting is remembered."""


def fitted(schema: Mapping[str, Any], subset: Subset) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The schema in the subset's words, and the names of what of it could not be said, sorted.

    A schema that is too deep or too large comes back as it is, with the note `too_deep` or `too_large`.
    """
    whole = dict(schema)
    if subset.keywords is None:
        return whole, ()
    try:
        text = orjson.dumps(whole)
    except orjson.JSONEncodeError:
        return _fitted(whole, subset)
    if len(text) > _MAX_KEPT or SUBSETS.get(subset.name) is not subset:
        return _fitted(whole, subset)
    rewritten, notes = _remembered(text, subset.name)
    return orjson.loads(rewritten), notes


@lru_cache(maxsize=128)
def _remembered(text: bytes, name: str) -> tuple[bytes, tuple[str, ...]]:
    schema, notes = _fitted(orjson.loads(text), SUBSETS[name])
    return orjson.dumps(schema), notes


def _fitted(schema: dict[str, Any], subset: Subset) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        measured(schema)
        fitting = Fitting(schema, subset)
        return fitting.whole(), tuple(sorted(fitting.notes))
    except TooDeep:
        return schema, ("too_deep",)
    except TooLarge:
        return schema, ("too_large",)
