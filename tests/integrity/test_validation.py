"""An answer held against a schema: what fits, what is told of what does not, and that nobody can make it take long."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
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
        {"$recursiveRef": "#"},
        {"$ref": "#/$defs/none"},
        {"$ref": "#nowhere"},
        {"$ref": "#/x", "x": {"type": 5}},
        {"$ref": "#/x", "x": {"pattern": "(?=a)"}},
        {"$ref": "#/x", "x": {"$ref": "http://192.0.2.1/"}},
        {"$defs": {"a": {"type": "text"}}},
        {"dependencies": {"a": {"type": "text"}}},
        {"type": ["string"] * 8},
        {"enum": 5},
        {"pattern": "a" * 2000},
        {"pattern": "[\\p{L}\\p{N}]{1,900}"},
        {"allOf": [{"pattern": f"a{n}"} for n in range(60)]},
        {"allOf": [{"pattern": f"^.{{0,{900 + n}}}$"} for n in range(10)]},
        {"enum": list(range(15_000))},
        {"const": ["x" * 1000] * 300},
        {"allOf": [{"type": "object"}] * 2_001},
    ],
)
def test_a_schema_that_cannot_be_checked_says_so(schema: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        validator(schema)


NESTED = "[" * 60 + "]" * 60
ONES = json.dumps([1] * 500_000)


def doubling(**step: Any) -> dict[str, Any]:
    """Definitions each of which asks the next one twice, sixty times over. `step` has the name of the next in it."""
    last = {"a60": {"type": ["object", "array", "integer"]}}
    text = json.dumps(step)
    return {"$defs": {f"a{n}": json.loads(text.replace("NEXT", f"#/$defs/a{n + 1}")) for n in range(60)} | last}


NEXT = {"$ref": "NEXT"}
START = {"$ref": "#/$defs/a0"}
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "itself": ({"$ref": "#"}, "1"),
    "itself, unevaluated": ({"unevaluatedItems": False, "$ref": "#"}, "[]"),
    "in a circle": ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "1"),
    "doubling": ({**START, **doubling(allOf=[NEXT, NEXT])}, "1"),
    "doubling by condition": ({"unevaluatedItems": False, **START, **doubling(**{"if": NEXT, "then": NEXT})}, "[1]"),
    "doubling by dependents": (
        {"unevaluatedProperties": False, **START, **doubling(dependentSchemas={"x": NEXT, "y": NEXT})},
        '{"x": 1, "y": 1}',
    ),
    "nested": ({**START, "$defs": {"a0": {"items": {"oneOf": [START] * 4}, "type": "array"}}}, NESTED),
    "deep": ({"type": "array", "items": {"$ref": "#"}}, "[" * 900 + "]" * 900),
    "deep values": ({"uniqueItems": True}, "[" * 900 + "]" * 900),
    "many items, nothing asked": ({"items": {}}, ONES),
    "many items": ({"items": {"type": "object"}}, ONES),
    "many alternatives": ({"anyOf": [{"type": "string"}] * 1_500}, json.dumps(["x" * 1_000] * 1_000)),
    "many names": ({"additionalProperties": {"minLength": 3}}, json.dumps({f"k{n}": "a" for n in range(50_000)})),
    "names asked for": ({"propertyNames": {"maxLength": 9}}, json.dumps({f"k{n}": "a" for n in range(50_000)})),
    "unique over and over": ({"allOf": [{"uniqueItems": True}] * 900}, json.dumps(list(range(9_000)))),
    "listed over and over": ({"allOf": [{"const": [0]}] * 900}, json.dumps([[n] for n in range(9_000)])),
    "properties nobody has": (
        {"items": {"properties": {f"p{n}": {} for n in range(900)}}},
        "[" + "{}," * 90_000 + "{}]",
    ),
    "fractions": ({"items": {"multipleOf": 1e-300}}, json.dumps([1e300] * 9_000)),
    "contained": ({"allOf": [{"contains": {"const": 1}, "minContains": 10_000}] * 50}, json.dumps([1] * 3_000)),
    "patterns": ({"allOf": [{"pattern": f"a{n}"} for n in range(49)]}, json.dumps("ab" * 400_000)),
    "a large pattern": ({"pattern": "[a-z]{1,1000}X"}, json.dumps("ab" * 40_000)),
    "patterns of names": (
        {"patternProperties": {f"(a*)*{n}$": {} for n in range(49)}},
        json.dumps({"a" * 99 + str(n): 1 for n in range(3_000)}),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nobody_can_make_it_take_long(name: str) -> None:
    """Work is counted, in calls: a check does not do more than takes some 50 ms."""
    schema, text = HOSTILE[name]
    made = validator(schema)
    calls = 0

    def called(frame: object, event: str, what: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        with pytest.raises(Unusable):
            made.check(text)
    finally:
        sys.setprofile(before)
    assert calls < 400_000


def test_no_schema_in_it_leads_to_another_validator() -> None:
    """jsonschema takes the draft's own, with Python's patterns and without bounds, where it finds a `$schema`."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    code = {"$schema": draft, "type": "string", "pattern": "^\\pL+$"}
    within = {"$schema": draft, "type": "object", "properties": {"child": {"$ref": "#"}, "code": code}}
    made = validator(within)
    assert made.check('{"child": {"code": "ä"}}') is None
    found = made.check('{"child": {"code": "1"}}')
    assert found is not None and (found.path, found.keyword) == ("$.child.code", "pattern")


SAY: list[tuple[dict[str, Any], str, str]] = [
    ({"items": [{"type": "string"}], "additionalItems": False}, '["a"]', '["a", 1]'),
    ({"items": [{"type": "string"}]}, '["a", 1]', "[1]"),
    ({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}, '{"a": 1, "b": 1}', '{"c": 1}'),
    ({"minimum": 3, "exclusiveMinimum": True}, "4", "3"),
    ({"minimum": 3, "exclusiveMinimum": False}, "3", "2"),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a", "type": "string",
      "definitions": {"a": {"type": "integer"}}}, "1", '"a"'),
    ({"$ref": "#/components/schemas/A", "components": {"schemas": {"A": {"type": "integer"}}}}, "1", '"a"'),
    ({"$id": "https://example.com/a", "properties": {"a": {"$ref": "https://example.com/a#/$defs/n"}},
      "$defs": {"n": {"type": "integer"}}}, '{"a": 1}', '{"a": "1"}'),
    ({"$ref": "#name", "$defs": {"a": {"$anchor": "name", "type": "integer"}}}, "1", '"a"'),
    ({"allOf": [{"properties": {"a": {}}}], "patternProperties": {"^x": {}}, "unevaluatedProperties": False},
     '{"a": 1, "x1": 1}', '{"b": 1}'),
    ({"anyOf": [{"prefixItems": [{"const": 1}]}, True], "unevaluatedItems": {"type": "string"}},
     '[1, "a"]', "[1, 2]"),
    ({"contains": {"const": 1}, "unevaluatedItems": False}, "[1, 1]", "[1, 2]"),
    ({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}, '{"c": 1}', '{"a": 1}'),
    ({"multipleOf": 0.01}, "19.99", "19.995"),
    ({"enum": [1, "a", {"b": [1.0]}]}, '{"b": [1]}', "true"),
    ({"const": False}, "false", "0"),
    ({"properties": {"a": False}}, "{}", '{"a": 1}'),
    ({"format": "date", "type": "string"}, '"no date"', "1"),
    ({"minLength": 2}, '"🎈🎈"', '"🎈"'),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "fits", "does_not"), SAY)
def test_what_schemas_say(schema: dict[str, Any], fits: str, does_not: str) -> None:
    assert validator(schema).check(fits) is None
    assert validator(schema).check(does_not) is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", 'At $.result: the required properties are missing: "result", "confidence".'),
        (of(confidence="high"), "At $.confidence: expected number, got string."),
        (of(confidence=2), "At $.confidence: expected a number of at most 1, got 2."),
        (of(result=""), "At $.result: expected at least 1 characters, got 0."),
        (of(code="ab"), 'At $.code: "ab" does not match the pattern ^[A-Z]{2}[0-9]+$.'),
        (
            of(extra=1, other=1),
            'At $: properties that are not allowed: "extra", "other"; '
            'allowed are "result", "confidence", "steps", "code".',
        ),
        (json.dumps({"result": [1] * 5000, "confidence": 1}), "At $.result: expected string, got array."),
        (
            "Sure! {}",
            "The answer is not JSON: it cannot be read at line 1, column 1. "
            "Answer with the JSON value alone: no text before or after it, no code fence.",
        ),
    ],
)
def test_what_the_model_is_told(text: str, message: str) -> None:
    found = validator(STEP).check(text)
    assert found is not None
    assert found.message == message


def test_what_the_model_is_told_is_short() -> None:
    name = "n" * 150
    nested: dict[str, Any] = {"type": "string"}
    for _ in range(10):
        nested = {"properties": {name: nested}, "required": [name], "additionalProperties": False}
    answers = ['{"' + name + '": 5}', json.dumps({"z" * 9_000: 1, name: 1}), '"' + "x" * 9_000]
    for text in answers:
        found = validator({"enum": ["q" * 400] * 9, **nested}).check(text)
        assert found is not None
        assert len(found.message) <= 500
        assert len(found.path) <= 200


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
        | st.fixed_dictionaries({"type": st.just("object"), "patternProperties": st.dictionaries(NAMES, inner)})
        | st.fixed_dictionaries({"type": st.just("object"), "dependentSchemas": st.dictionaries(NAMES, inner)})
        | st.fixed_dictionaries({"type": st.just("object"), "$defs": st.dictionaries(NAMES, inner)})
        | st.fixed_dictionaries({"type": st.just("object"), "const": st.dictionaries(NAMES, st.integers(0, 1))})
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"type": st.just("array"), "anyOf": st.lists(inner, min_size=1, max_size=2)})
    ),
    max_leaves=6,
)


_DRESS: dict[str, Any] = {"title": "T", "description": "D", "examples": [1], "$comment": "C", "default": None}


def dressed(schema: Any) -> Any:
    """The same, with titles and the like, in another order."""
    if isinstance(schema, list):
        return list(map(dressed, cast("Sequence[Any]", schema)))
    shown: dict[str, Any] = {}
    for keyword, value in reversed(schema.items()):
        if keyword in {"properties", "patternProperties", "dependentSchemas", "$defs"}:
            shown[keyword] = {name: dressed(inner) for name, inner in reversed(value.items())}
        elif keyword == "const":
            shown[keyword] = dict(reversed(value.items()))
        else:
            shown[keyword] = dressed(value) if keyword in {"items", "anyOf"} else value
    return {**shown, **_DRESS}


@given(SCHEMAS, SCHEMAS)
def test_a_schema_has_one_name_however_it_is_dressed(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert Validator(one).hash == Validator({**dressed(one), "$id": "https://example.com/"}).hash
    assert (Validator(one).hash == Validator(other).hash) == (one == other)


def test_what_a_draft_reads_otherwise_has_another_name() -> None:
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    older = {"$schema": "http://json-schema.org/draft-07/schema#"}
    assert Validator({"type": "object"}).hash == Validator({"type": "object", **draft}).hash
    assert Validator({"type": "object"}).hash != Validator({"type": "object", **older}).hash


def test_a_property_may_be_called_title() -> None:
    assert Validator({"properties": {"title": {}}}).hash != Validator({"properties": {}}).hash
    assert isinstance(Validator({"required": ["title"]}).check("{}"), Invalid)
