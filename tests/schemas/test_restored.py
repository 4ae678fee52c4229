"""Answers to a schema in which everything was required, as the schema of the client has them."""

from __future__ import annotations

from typing import Any

import pytest

from policyroute.schemas import restored

Schema = dict[str, Any]

POINT: Schema = {
    "type": "object",
    "properties": {"x": {"type": "number"}, "label": {"type": "string"}},
    "required": ["x"],
}
FREE: Schema = {"type": "object", "properties": {"note": {"type": ["string", "null"]}, "any": {}}}
CAT: Schema = {
    "type": "object",
    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
    "required": ["kind"],
}
DOG: Schema = {"type": "object", "properties": {"kind": {"const": "dog"}, "lives": {"type": ["integer", "null"]}}}
NODE: Schema = {"type": "object", "properties": {"next": {"$ref": "#"}, "v": {"type": "integer"}}, "required": ["v"]}


@pytest.mark.parametrize(
    ("schema", "answer", "wanted"),
    [
        pytest.param(POINT, {"x": 1, "label": None}, {"x": 1}, id="what is optional goes"),
        pytest.param(POINT, {"x": None, "label": "a"}, {"x": None, "label": "a"}, id="what is required stays"),
        pytest.param(POINT, {"x": 1, "more": None}, {"x": 1, "more": None}, id="what is not declared stays"),
        pytest.param(FREE, {"note": None, "any": None}, {"note": None, "any": None}, id="what may be null stays"),
        pytest.param(
            {"type": "array", "items": POINT}, [{"x": 1, "label": None}, {"x": 2}], [{"x": 1}, {"x": 2}], id="in a list"
        ),
        pytest.param(
            {"type": "object", "additionalProperties": POINT},
            {"a": {"x": 1, "label": None}},
            {"a": {"x": 1}},
            id="in a map",
        ),
        pytest.param(
            {"type": "array", "items": {"oneOf": [CAT, DOG]}},
            [{"kind": "cat", "lives": None}, {"kind": "dog", "lives": None}],
            [{"kind": "cat"}, {"kind": "dog", "lives": None}],
            id="by the alternative that it follows",
        ),
        pytest.param(
            NODE, {"v": 1, "next": {"v": 2, "next": None}}, {"v": 1, "next": {"v": 2}}, id="through references"
        ),
        pytest.param(
            {"anyOf": [CAT, POINT]},
            {"kind": "cat", "lives": None, "x": None, "label": None},
            {"kind": "cat"},
            id="alternatives at the root",
        ),
        pytest.param({}, {"a": None}, {"a": None}, id="a schema that takes anything"),
        pytest.param(POINT, "text", "text", id="no object at all"),
    ],
)
def test_restored(schema: Schema, answer: Any, wanted: Any) -> None:
    before = repr(answer)
    assert restored(answer, schema) == wanted
    assert repr(answer) == before
