"""What holds for every schema: nothing is lost that need not be, twice is once, and the words are the subset's."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.schemas import Drawn, Schema, drawn, filled, from_openapi, nodes, takes, text

from policyroute.schemas import (
    ANTHROPIC,
    GEMINI_JSON,
    GEMINI_OPENAPI,
    OPENAI_STRICT,
    PLAIN,
    SUBSETS,
    Subset,
    fitted,
    instruction,
    may_leave_out,
)

REWRITING = pytest.mark.parametrize("subset", [s for s in SUBSETS.values() if s is not PLAIN], ids=lambda s: s.name)
EVERY = pytest.mark.parametrize("subset", SUBSETS.values(), ids=lambda s: s.name)


@EVERY
@given(pair=drawn(extras=False))
def test_twice_is_once(subset: Subset, pair: Drawn) -> None:
    once, _ = fitted(pair[0], subset)
    twice, left = fitted(once, subset)
    assert text(twice) == text(once)
    assert left in ((), ("root",))


@EVERY
@given(pair=drawn(extras=False))
def test_what_comes_in_stays_as_it_is_and_gives_the_same_bytes(subset: Subset, pair: Drawn) -> None:
    before = copy.deepcopy(pair[0])
    first, notes = fitted(pair[0], subset)
    second, again = fitted(copy.deepcopy(pair[0]), subset)
    assert text(pair[0]) == text(before)
    assert (text(first), notes) == (text(second), again)
    assert list(notes) == sorted(set(notes))


@pytest.mark.parametrize("subset", [ANTHROPIC, GEMINI_JSON, GEMINI_OPENAPI], ids=lambda s: s.name)
@given(pair=drawn(extras=False))
def test_what_was_taken_is_taken(subset: Subset, pair: Drawn) -> None:
    rewritten, _ = fitted(pair[0], subset)
    meant = from_openapi(rewritten) if subset is GEMINI_OPENAPI else rewritten
    assert [document for document in pair[1] if not takes(meant, document)] == []


@pytest.mark.parametrize("subset", [GEMINI_JSON, GEMINI_OPENAPI], ids=lambda s: s.name)
@given(pair=drawn(extras=True))
def test_members_that_are_not_declared_are_taken_where_the_subset_can_say_so(subset: Subset, pair: Drawn) -> None:
    rewritten, _ = fitted(pair[0], subset)
    meant = from_openapi(rewritten) if subset is GEMINI_OPENAPI else rewritten
    assert [document for document in pair[1] if not takes(meant, document)] == []


@given(pair=drawn(extras=False))
def test_strict_takes_what_was_taken_with_null_for_what_is_left_out(pair: Drawn) -> None:
    strict, _ = fitted(pair[0], OPENAI_STRICT)
    for document in pair[1]:
        assert takes(strict, filled(document, strict, strict))


@given(pair=drawn(extras=False))
def test_where_nothing_may_be_left_out_strict_answers_as_the_original_asks(pair: Drawn) -> None:
    schema, documents = pair
    strict, _ = fitted(schema, OPENAI_STRICT)
    for document in documents:
        answer = filled(document, strict, strict)
        assert may_leave_out(schema) or takes(schema, answer)


WORDS = st.sampled_from(
    """type properties required items anyOf oneOf allOf enum const $ref $defs definitions description format pattern
    minimum maxLength additionalProperties patternProperties prefixItems nullable not if title default x-own""".split()
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 1 << 70)
    | st.floats()
    | st.sampled_from(["", "object", "string", "array", "null", "#", "#/$defs/a", "#/a", "(?=x)", "dict"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.sampled_from(["a", "b"]), inner, max_size=4),
    max_leaves=30,
)


@EVERY
@given(schema=st.dictionaries(WORDS, VALUES, max_size=6))
def test_whatever_a_client_calls_a_schema_is_borne(subset: Subset, schema: Schema) -> None:
    once, notes = fitted(schema, subset)
    assert all(len(note) <= 64 for note in notes)
    assert text(fitted(once, subset)[0]) == text(once)
    assert may_leave_out(schema) in (True, False)
    assert instruction(schema)


@REWRITING
@given(pair=drawn(extras=True))
def test_only_words_of_the_subset_are_written(subset: Subset, pair: Drawn) -> None:
    rewritten, _ = fitted(pair[0], subset)
    used = {word for node in nodes(rewritten) for word in node} - {"$defs"}
    assert used <= (subset.keywords or set())
    for node in nodes(rewritten):
        assert "$ref" not in node or set(node) == {"$ref"}
        if "properties" in node and subset.closed:
            assert node["additionalProperties"] is False
        if "properties" in node and subset.complete:
            assert node["required"] == list(node["properties"])
