"""Schemas that were really sent: each through every subset, with what holds for all schemas."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.schemas.conftest import standard
from tests.support.schemas import Schema, nodes, text

from policyroute.schemas import SUBSETS, Subset, fitted

EVERY = pytest.mark.parametrize("subset", SUBSETS.values(), ids=lambda s: s.name)
COULD_NOT = {"too_deep", "too_large", "$ref", "allOf"}


@EVERY
def test_every_recorded_schema_fits(subset: Subset, recorded: list[Schema]) -> None:
    told = _through(subset, recorded)
    assert told["schemas"] > 100
    assert not COULD_NOT & set(told) - ({"$ref"} if not subset.references else set())


@EVERY
def test_every_function_of_the_benchmark_fits(subset: Subset, functions: list[Schema]) -> None:
    told = _through(subset, [standard(schema) for schema in functions])
    assert told["schemas"] > 300
    assert not COULD_NOT & set(told)


@EVERY
def test_types_named_after_pythons_are_borne(subset: Subset, functions: list[Schema]) -> None:
    for schema in functions:
        once, _ = fitted(schema, subset)
        assert fitted(once, subset)[0] == once


def _through(subset: Subset, schemas: list[Schema]) -> Counter[str]:
    """Counts of what could not be said."""
    told: Counter[str] = Counter()
    for schema in schemas:
        before = text(schema)
        once, notes = fitted(schema, subset)
        assert text(schema) == before
        assert text(fitted(once, subset)[0]) == text(once)
        if subset.keywords is not None and not subset.upper:
            validator: Any = Draft202012Validator
            validator.check_schema(once)
        if subset.keywords is not None:
            assert {word for node in nodes(once) for word in node} <= subset.keywords | {"$defs"}
        told.update(["schemas", *notes])
    return told
