"""Schemas too large and too deep, and such as grow while they are rewritten: they come back as they are."""

from __future__ import annotations

from typing import Any

import pytest

from policyroute.schemas import GEMINI_OPENAPI, OPENAI_STRICT, PLAIN, SUBSETS, Subset, fitted, instruction

Schema = dict[str, Any]
REWRITING = pytest.mark.parametrize("subset", [s for s in SUBSETS.values() if s is not PLAIN], ids=lambda s: s.name)


def nested(levels: int) -> Schema:
    schema: Schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def doubling(levels: int) -> Schema:
    """Small, until every reference is replaced by what it stands for."""
    definitions: Schema = {f"D{levels}": {"type": "string"}}
    for n in range(levels):
        next_one = {"$ref": f"#/$defs/D{n + 1}"}
        definitions[f"D{n}"] = {"type": "object", "properties": {"a": next_one, "b": next_one}}
    return {"$ref": "#/$defs/D0", "$defs": definitions}


@REWRITING
def test_too_deep(subset: Subset) -> None:
    assert fitted(nested(101), subset) == (nested(101), ("too_deep",))


@REWRITING
def test_deeper_than_python_follows(subset: Subset) -> None:
    schema = nested(5000)
    same, notes = fitted(schema, subset)
    assert same["items"] is schema["items"]
    assert notes == ("too_deep",)


@REWRITING
def test_too_large(subset: Subset) -> None:
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(15_000)}}
    assert fitted(schema, subset) == (schema, ("too_large",))


def test_what_would_grow_without_an_end_stays_as_it_is() -> None:
    assert fitted(doubling(16), GEMINI_OPENAPI) == (doubling(16), ("too_large",))
    assert fitted(doubling(16), OPENAI_STRICT)[1] == ()


def test_a_long_chain_of_references_is_too_deep_to_be_replaced() -> None:
    links: Schema = {f"D{n}": {"$ref": f"#/$defs/D{n + 1}"} for n in range(3000)}
    schema = {"$ref": "#/$defs/D0", "$defs": {**links, "D3000": {"type": "string"}}}
    assert fitted(schema, GEMINI_OPENAPI)[1] == ("too_deep",)


def test_alternatives_of_alternatives_are_not_multiplied_out_without_an_end() -> None:
    some: Schema = {"anyOf": [{"type": "object", "properties": {f"p{n}": {}}} for n in range(9)]}
    schema = {"type": "object", "properties": {"a": {"allOf": [some, some, {"anyOf": some["anyOf"][:7]}]}}}
    assert fitted(schema, OPENAI_STRICT) == (schema, ("too_large",))


@REWRITING
def test_a_reference_to_nothing_but_itself(subset: Subset) -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}}
    once, _ = fitted(schema, subset)
    assert fitted(once, subset)[0] == once


def test_a_schema_too_long_for_a_prompt_is_not_put_into_one() -> None:
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(5000)}}
    assert len(instruction(schema)) < 1000
    assert len(instruction(nested(5000))) < 1000
