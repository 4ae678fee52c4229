"""Patterns of authors: what is accepted, what is told of the others, and that none can take long."""

from __future__ import annotations

from itertools import pairwise

import pytest

from policyroute.exhausted import Exhausted
from policyroute.redact.detector import Detector
from policyroute.redact.patterns import REACH, rejected


@pytest.mark.parametrize("pattern", [r"PRJ-\d{4}", r"(?i)project \p{Greek}+", "a|b", r"^x$", r"\bfoo\b"])
def test_what_re2_runs_is_accepted(pattern: str) -> None:
    assert rejected(pattern) is None
    Detector([], {"own": pattern})


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?<=x)y", "RE2 does not accept it"),
        (r"(a)\1", "RE2 does not accept it"),
        ("(", "RE2 does not accept it: missing"),
        ("[z-a]", "RE2 does not accept it"),
        ("a*", "matches an empty text"),
        ("", "matches an empty text"),
        ("(?:a|b?)", "matches an empty text"),
        ("x" * 1001, "more than 1,000 characters"),
        ("(?:x{900}){900}", "RE2 does not accept it"),
        ("\ud800", "not a text"),
    ],
)
def test_the_author_is_told_why_not(pattern: str, why: str) -> None:
    assert why in (rejected(pattern) or "")
    with pytest.raises(ValueError, match="pattern 'own'"):
        Detector([], {"own": pattern})


def found(pattern: str, text: str) -> list[tuple[int, int]]:
    return [(each.start, each.end) for each in Detector([], {"own": pattern}).find(text)]


def test_places_are_characters() -> None:
    assert found(r"PRJ-\d+", "ä€😀 PRJ-12 — PRJ-7") == [(4, 10), (13, 18)]
    assert found("é+", "aéé é") == [(1, 3), (4, 5)]


def test_an_anchor_is_at_an_end_of_the_text() -> None:
    text = "x" * 10_000
    assert found("^x", text) == [(0, 1)]
    assert found("x$", text) == [(9_999, 10_000)]
    assert found(r"y\b", "y " + text + "yy" + text) == [(0, 1)]


def test_a_match_across_windows_is_whole() -> None:
    for before in range(1_400, 2_100, 7):
        assert found("PRJ-[0-9]{30}", " " * before + "PRJ-" + "7" * 30) == [(before, before + 34)]


def test_what_is_longer_than_its_reach_is_found_in_pieces() -> None:
    places = found("a+", "a" * 1_200)
    assert places[0] == (0, REACH) and places[-1][1] == 1_200
    assert all(one[1] == other[0] for one, other in pairwise(places))


@pytest.mark.parametrize("pattern", ["a.*?b|a", "(a|aa)+b|a", r"(\w+\s?)+!|\w"])
def test_no_pattern_takes_long(pattern: str) -> None:
    with pytest.raises(Exhausted):
        found(pattern, "a" * 40_000)


def test_a_pattern_that_finds_nothing_reads_the_text_once() -> None:
    assert found("a.*?b", "a" * 400_000) == []
