"""A schema in the words that a target takes.

Rule of this module: what came in the target's own words is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyroute.schemas import SUBSETS, Told, fitted


def in_its_words(schema: Mapping[str, Any], subset: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """By the subset of this name: the very same schema where nothing has to change, and what could not be said."""
    wanted = SUBSETS[subset]
    if wanted.keywords is None or (isinstance(schema, Told) and wanted.tells):
        return schema, ()
    said, unsaid = fitted(schema, wanted)
    if wanted.upper:
        return Told(schema, said), unsaid
    return (schema if said == schema else said), unsaid
