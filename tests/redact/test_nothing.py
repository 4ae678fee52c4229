"""A text that is passed over because nothing can be in it has nothing in it: the full look says the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.redact.test_finding import CASES, FOUND, parsed

from policyroute.redact.detector import Detector
from policyroute.redact.formats import FORMATS
from policyroute.redact.known import Known
from policyroute.redact.nothing import is_plain

ALL = Detector(["all"])
ELSEWHERE = Known({"nobody": "zyzzyva"})
"""With values of the app's no text is passed over."""
LETTERS = str.maketrans("0123456789", "gkqzwxvpmb")
WORDS = (
    *("curl -u", "password", "pwd:", "Authorization:", "cookie:", "codice fiscale", "(at)", "[dot]", "is", "="),
    *(
        "http://",
        "-----BEGIN PRIVATE KEY-----",
        "-H '",
        "the",
        "get_current_weather",
        "a::b",
        "kind: Secret\ndata:\n  a: YWJjZGVm\n",
        "\n",
        '"',
        "basic",
    ),
)


def changed(text: str, how: int) -> str:
    """As it is, without its digits, and without its capitals."""
    return (text, text.translate(LETTERS), text.lower(), text.translate(LETTERS).lower())[how]


tokens = st.sampled_from(FORMATS).flatmap(
    lambda form: st.from_regex(re.compile(form.pattern, re.ASCII), fullmatch=True)
)
pieces = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from([parsed(case)[1] for case in FOUND]),
    st.text("abcdefxyzABC_-./:='\" @", max_size=24),
    tokens,
)


@given(st.lists(st.tuples(pieces, st.integers(0, 3)), min_size=1, max_size=5), st.sampled_from(["", " ", "="]))
@settings(max_examples=250)
def test_the_full_look_says_the_same(parts: list[tuple[str, int]], between: str) -> None:
    text = between.join(changed(*part) for part in parts)
    assert ALL.find(text) == ALL.find(text, ELSEWHERE)


@pytest.mark.parametrize("how", range(4))
def test_no_case_is_passed_over(how: int) -> None:
    for case in CASES:
        text = changed(parsed(case)[1] if case in FOUND else case, how)
        assert ALL.find(text) == ALL.find(text, ELSEWHERE), case


@pytest.mark.parametrize(
    "text",
    [
        "string",
        "get_current_weather",
        "The city and state, e.g. San Francisco",
        "Whether only files are listed; or all",
    ],
)
def test_plain_words_are_passed_over(text: str) -> None:
    assert is_plain(text)


def test_authors_patterns_are_looked_for_in_plain_words() -> None:
    assert Detector(["all"], {"project": "blue heron"}).find("the blue heron")
