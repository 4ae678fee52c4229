"""Patterns: what they match is RE2's answer, however they are carried out; what they may cost is bounded."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.cel.expression import EvaluationError
from policyroute.cel.patterns import MAX_PATTERN, MAX_TEXT, PatternError, compile_glob, compile_pattern

# Python's `re` agrees with RE2 on these (`\Z` stands for the end of the text in place of `$`).
_LITERALS = st.text(alphabet="ab./-é", max_size=3)
_PIECES = st.sampled_from([".", "a*", "(a|b)", "(?:ab|a\\.)", "[ab]", "b?", "\\.", "a|b"])


@st.composite
def _patterns(draw: st.DrawFn) -> str:
    start, end = draw(st.sampled_from(["", "^"])), draw(st.sampled_from(["", "$"]))
    return start + "".join(draw(st.lists(_LITERALS.map(re.escape) | _PIECES, max_size=3))) + end


@given(_patterns(), st.lists(st.text(alphabet="ab./-é\n", max_size=6), min_size=1, max_size=8))
def test_a_pattern_matches_what_a_regular_expression_matches(pattern: str, texts: list[str]) -> None:
    reference = re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)
    matcher = compile_pattern(pattern)
    for text in texts:
        assert matcher(text) is (reference.search(text) is not None), (pattern, text)


@given(st.text(alphabet="ab*?.[]\\é", max_size=6), st.lists(st.text(alphabet="ab*.[]\\é\n", max_size=6), max_size=8))
def test_a_glob_matches_what_its_wildcards_say(pattern: str, texts: list[str]) -> None:
    wild = {"*": ".*", "?": "."}
    reference = re.compile("".join(wild.get(each) or re.escape(each) for each in pattern), re.DOTALL)
    matcher = compile_glob(pattern)
    for text in [*texts, pattern]:
        assert matcher(text) is (reference.fullmatch(text) is not None), (pattern, text)


@pytest.mark.parametrize("pattern", ["gpt-*", "*-mini", "*", "gpt-?", "claude-*-2?", "exact"])
@pytest.mark.parametrize("model", ["gpt-5", "gpt-", "gpt-5-mini", "", "claude-opus-25", "exact"])
def test_globs_of_model_names_are_the_shell_s(pattern: str, model: str) -> None:
    assert compile_glob(pattern)(model) is fnmatch.fnmatchcase(model, pattern)


def test_star_halves_of_a_glob_do_not_overlap() -> None:
    assert not compile_glob("ab*ba")("aba")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing )"),
        ("[a", "missing ]"),
        ("a**", "bad repetition operator"),
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("a{1001}", "invalid repetition size"),
        (r"\h", "invalid escape sequence"),
    ],
)
def test_a_bad_pattern_says_why(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=re.escape(reason)):
        compile_pattern(pattern)


def test_patterns_and_texts_have_a_limit() -> None:
    with pytest.raises(PatternError, match="too long"):
        compile_pattern("a" * (MAX_PATTERN + 1))
    with pytest.raises(PatternError, match="too long"):
        compile_glob("a" * (MAX_PATTERN + 1))
    with pytest.raises(PatternError, match="too large"):
        compile_pattern("[^a]{900}" * 100)
    with pytest.raises(EvaluationError, match="too long"):
        compile_pattern("a+b")("a" * (MAX_TEXT + 1))


def test_a_hostile_pattern_on_a_hostile_text_is_linear() -> None:
    assert not compile_pattern("^(a+)+$")("a" * 200_000 + "b")


def test_text_that_is_no_unicode_matches_without_an_error() -> None:
    assert compile_pattern("^a.c$")("a\ud800c")
    assert compile_glob("a?c*d")("a\ud800cd")


@pytest.mark.parametrize(
    "pattern", ["^gpt", "mini$", "^gpt-5$", "^(a|b)$", "^(?:a|b)$", "plain", r"v1\.5", "^", "$", ""]
)
def test_what_a_string_method_answers_needs_no_re2(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = compile_pattern.__wrapped__(pattern)
    monkeypatch.setattr("policyroute.cel.patterns.MAX_TEXT", -1)  # RE2 is not asked any more
    assert matcher("gpt-5") is (re.search(pattern, "gpt-5") is not None)
