"""An answer held against a schema: what fits, what is told of what does not, and that nobody can make it take long."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.integrity import validation
from policyroute.integrity.validation import Invalid, Unusable, Validator, validator

STEP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "result": {"type": "string", "minLength": 1},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
        "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"},
    },
    "required": ["result", "confidence"],
    "additionalProperties": False,
    "$defs": {"step": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}


def of(**fields: Any) -> str:
    return json.dumps({"result": "r", "confidence": 0.5, **fields})


@pytest.mark.parametrize(
    ("text", "path", "keyword"),
    [
        (of(), None, None),
        (of(steps=[{"name": "a"}], code="AB12"), None, None),
        (json.dumps({"result": "r"}), "$.confidence", "required"),
        (of(confidence="high"), "$.confidence", "type"),
        (of(confidence=2), "$.confidence", "maximum"),
        (of(steps=[{"name": "a"}, {}]), "$.steps[1].name", "required"),
        (of(steps=[{"name": "a"}, {"name": 1}]), "$.steps[1].name", "type"),
        (of(code="ab"), "$.code", "pattern"),
        (of(secret=1), "$", "additionalProperties"),
        (of(result=""), "$.result", "minLength"),
        ("Sure! " + of(), "$", "json"),
        ("```json\n" + of() + "\n```", "$", "json"),
        ("", "$", "json"),
        ("[]", "$", "type"),
        ("NaN", "$", "json"),
        ('"\ud800"', "$", "json"),
    ],
)
def test_what_fits_and_where_it_does_not(text: str, path: str | None, keyword: str | None) -> None:
    found = validator(STEP).check(text)
    assert (found.path if found else None, found.keyword if found else None) == (path, keyword)


def test_a_path_has_no_names_but_the_schemas() -> None:
    loose: dict[str, Any] = {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}}
    found = validator(loose).check('{"customer Jane Doe": "x"}')
    assert found is not None
    assert found.path == "$.*"
    assert "Jane" not in repr(found)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5},
        {"type": "text"},
        {"properties": []},
        {"properties": {"a": 1}},
        {"anyOf": []},
        {"anyOf": {}},
        {"required": "a"},
        {"minLength": -1},
        {"minimum": "1"},
        {"multipleOf": 0},
        {"uniqueItems": "yes"},
        {"pattern": "(?=a)"},
        {"patternProperties": {"(?<a": {}}},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "other.json#/a"},
        {"$dynamicRef": "#a"},
        {"properties": {"a": {"$id": "https://example.com/"}}},
        {"patternProperties": {"a": {}}, "unevaluatedProperties": False},
        {"allOf": [{"type": "object"}] * 2_001},
    ],
)
def test_a_schema_that_cannot_be_checked_says_so(schema: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        validator(schema)


NESTED = "[" * 60 + "]" * 60
HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"$ref": "#"}, "1"),
    ({"$ref": "#/$defs/none"}, "1"),
    ({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 3}}}, "1"),
    ({"$defs": {"a": {"items": {"oneOf": [{"$ref": "#/$defs/a"}] * 4}, "type": "array"}}, "$ref": "#/$defs/a"}, NESTED),
    ({"items": {"type": "object"}}, json.dumps([1] * 100_000)),
    ({"anyOf": [{"type": "string"}] * 1_500}, json.dumps(["x" * 1_000] * 1_000)),
    ({"additionalProperties": {"minLength": 3}}, json.dumps({f"k{n}": "a" for n in range(50_000)})),
    (
        {"patternProperties": {f"(a*)*{n}$": False for n in range(100)}},
        json.dumps({"a" * 99 + str(n): 1 for n in range(500)}),
    ),
]


@pytest.mark.parametrize(("schema", "text"), HOSTILE, ids=range(len(HOSTILE)))
def test_nobody_can_make_it_take_long(schema: dict[str, Any], text: str) -> None:
    """Each gives up, or is told within the work that is allowed."""
    try:
        assert validator(schema).check(text) is not None
    except Unusable as unusable:
        assert unusable.reason in {"the check takes too long", "the schema refers to itself, or to nothing"}


def test_patterns_are_re2s() -> None:
    found = validator({"pattern": "(a+)+$"}).check(json.dumps("a" * 50_000 + "b"))
    assert found is not None and found.keyword == "pattern"


def test_large_answers_are_not_checked() -> None:
    with pytest.raises(Unusable):
        validator({}).check('"' + "a" * validation.MAX_TEXT + '"')


def test_items_are_unique_by_value() -> None:
    unique = validator({"uniqueItems": True})
    assert unique.check('[{"a":1,"b":2},{"b":2,"a":1}]') is not None
    assert unique.check("[1,1.0]") is not None
    assert unique.check('[1,"1",[1],true]') is None


# Names of schemas -----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "title", "description", "default", "examples"])
SCHEMAS = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "integer", "boolean"])}),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("object"), "properties": st.dictionaries(NAMES, inner)})
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner})
    ),
    max_leaves=6,
)


def dressed(schema: Any) -> Any:
    """The same, with titles and the like, in another order."""
    if isinstance(schema, dict):
        fields = cast("dict[str, Any]", schema)
        shown = {name: dressed(value) for name, value in reversed(fields.items())}
        if isinstance(fields.get("type"), str):
            shown |= {"title": "T", "description": "D", "examples": [1], "$comment": "C", "default": None}
        return shown
    return schema


@given(SCHEMAS, SCHEMAS)
def test_a_schema_has_one_name_however_it_is_dressed(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert Validator(one).hash == Validator(dressed(one)).hash
    assert (Validator(one).hash == Validator(other).hash) == (one == other)


def test_a_property_may_be_called_title() -> None:
    assert Validator({"properties": {"title": {}}}).hash != Validator({"properties": {}}).hash
    assert isinstance(Validator({"required": ["title"]}).check("{}"), Invalid)
