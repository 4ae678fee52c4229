"""The vendors' own software takes what is written for it: their SDKs' rewriting has nothing left to do."""

from __future__ import annotations

import copy
from typing import Any

from anthropic import transform_schema
from google.genai import types
from hypothesis import given
from openai.lib._pydantic import _ensure_strict_json_schema as openai_strict  # pyright: ignore[reportPrivateUsage]
from tests.support.schemas import Drawn, Schema, drawn, nodes

from policyroute.schemas import ANTHROPIC, GEMINI_JSON, GEMINI_OPENAPI, OPENAI_STRICT, fitted


@given(pair=drawn(extras=True))
def test_openai_has_nothing_to_make_strict(pair: Drawn) -> None:
    strict, _ = fitted(pair[0], OPENAI_STRICT)
    assert openai_strict(copy.deepcopy(strict), path=(), root=strict) == strict


@given(pair=drawn(extras=True))
def test_anthropic_has_nothing_to_transform(pair: Drawn) -> None:
    """But for the type beside listed values, which says nothing new and which it leaves out."""
    ours, _ = fitted(pair[0], ANTHROPIC)
    assert transform_schema(copy.deepcopy(ours)) == _without_type_of_literals(ours)


@given(pair=drawn(extras=True))
def test_gemini_knows_every_word(pair: Drawn) -> None:
    rewritten, _ = fitted(pair[0], GEMINI_OPENAPI)
    kept = types.Schema.model_validate(rewritten).model_dump(by_alias=True, exclude_none=True, mode="json")
    assert kept == rewritten


@given(pair=drawn(extras=True))
def test_gemini_knows_every_word_of_its_json_schema(pair: Drawn) -> None:
    known = {field.alias or name for name, field in types.JSONSchema.model_fields.items()}
    rewritten, _ = fitted(pair[0], GEMINI_JSON)
    words = {word for node in nodes(rewritten) for word in node}
    assert {_snake(word) for word in words - {"$ref", "$defs"}} <= {_snake(word) for word in known} | _DOCUMENTED


_DOCUMENTED = {"property_ordering", "prefix_items", "additional_properties"}


def _snake(word: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in word)


def _without_type_of_literals(schema: Any) -> Any:
    plain: Schema = copy.deepcopy(schema)
    for node in nodes(plain):
        if "enum" in node or "const" in node:
            node.pop("type", None)
    return plain
