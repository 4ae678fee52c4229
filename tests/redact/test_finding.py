"""What is found in a text: every kind, also where it is hidden, and not what only looks like it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute.exhausted import Exhausted
from policyroute.redact.detector import Detector
from policyroute.redact.findings import CONTEXT, Finding
from policyroute.redact.kinds import GROUPS, KINDS, expanded
from policyroute.redact.known import Known

ALL = Detector(["all"])
FILE = Path(__file__).parent / "cases" / "found.txt"
CASES = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
FOUND = [case for case in CASES if "«" in case]
NOT_FOUND = [case for case in CASES if "«" not in case]


def told(text: str, found: list[Finding]) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in found]


def parsed(case: str) -> tuple[str, str, str]:
    """The kind, the text without marks, and what is marked in it."""
    kind, marked = case.split(": ", 1)
    marked = re.sub(r"\\([n\\])", lambda found: found[1].replace("n", "\n"), marked)
    return kind, marked.replace("«", "").replace("»", ""), marked.split("«")[1].split("»")[0]


@pytest.mark.parametrize("case", FOUND)
def test_what_is_marked_is_found(case: str) -> None:
    kind, text, value = parsed(case)
    assert told(text, ALL.find(text)) == [(kind, value)]


@pytest.mark.parametrize("case", FOUND)
def test_it_is_found_by_its_kind_alone(case: str) -> None:
    kind, text, value = parsed(case)
    assert told(text, Detector([kind]).find(text)) == [(kind, value)]


@pytest.mark.parametrize("case", NOT_FOUND)
def test_nothing_is_found(case: str) -> None:
    text = case.split(": ", 1)[1]
    assert told(text, ALL.find(text)) == []


def test_every_personal_and_national_kind_has_a_case() -> None:
    assert set(GROUPS["pii"]) - {case.split(":")[0] for case in FOUND} == set()


HIDDEN = [
    ("email", "jane@example.com", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ"),  # noqa: RUF001
    ("email", "jane@example.com", "jane%40example.com"),
    ("email", "jane@example.com", "jane\\u0040example.com"),
    ("email", "jane@example.com", "jane&#64;example&#x2e;com"),
    ("email", "jane@example.com", "jane&commat;example&period;com"),
    ("email", "jane@example.com", "ja\u200bne@exam\u2060ple.com"),
    ("email", "jane@example.com", "j\u0430ne@\u0435xample.com"),
    ("email", "jane@example.com", "amFuZUBleGFtcGxlLmNvbQ=="),
    ("card", "4111 1111 1111 1111", "4111\u00a01111\u00a01111\u00a01111"),
    ("card", "4111111111111111", "4111\u200b1111\u200b1111\u200b1111"),
    ("card", "4111111111111111", "\u0664\u0661\u0661\u0661111111111111"),
    ("card", "4111-1111-1111-1111", "4111\u20131111\u20131111\u20131111"),
    ("iban", "DE89370400440532013000", "ＤＥ89370400440532013000"),  # noqa: RUF001
    ("github_token", "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", "ghp_wWPw5k4aXcaT4fNP0\u200dUcnZwJUVFk6LO0pINUx"),
    ("github_token", "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", "ghp%5FwWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"),
]


@pytest.mark.parametrize(("kind", "plain", "hidden"), HIDDEN)
@pytest.mark.parametrize("around", ["see {} now", "\u00fcber {}, \u043c\u0438\u0440", "{}"])
def test_a_hidden_value_is_found_where_it_stands(kind: str, plain: str, hidden: str, around: str) -> None:
    assert (kind, plain) in told(around.format(plain), ALL.find(around.format(plain)))
    assert told(around.format(hidden), ALL.find(around.format(hidden))) == [(kind, hidden)]


def test_a_piece_of_base64_is_found_in_groups_of_four() -> None:
    """What else is in it stays: `Hello, ` and `today, please!`."""
    text = "SGVsbG8sIHdyaXRlIHRvIGphbmVAZXhhbXBsZS5jb20gdG9kYXksIHBsZWFzZSE="
    ((kind, value),) = told(text, ALL.find(text))
    assert (kind, len(value) % 4) == ("email", 0)
    assert text.startswith("SGVsbG8s") and "SGVsbG8s" not in value


@given(st.lists(st.sampled_from([parsed(case)[1] for case in FOUND] + ["plain words", "\u200b", "%20"]), max_size=8))
@settings(max_examples=60)
def test_findings_are_in_order_apart_and_in_reach(parts: list[str]) -> None:
    text = "\n".join(parts)
    found = ALL.find(text)
    assert found == ALL.find(text)
    assert all(0 <= each.start < each.end <= len(text) and each.end - each.start <= ALL.reach for each in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_any_text_can_be_looked_through(text: str) -> None:
    for each in ALL.find(text):
        assert 0 <= each.start < each.end <= len(text)


NUMBERS = (
    *("4111 1111 1111 1111", "5555555555554444", "3714 496353 98431", "DE89 3704 0044 0532 0130 00"),
    *("GB82WEST12345698765432", "780-999-2181", "(579) 888-3058", "+49 30 901820", "+4930901820", "078-05-1120"),
)


@given(st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=5), st.sampled_from([" ", ", ", "\n"]))
@settings(max_examples=100)
def test_numbers_side_by_side_are_all_found(numbers: list[str], between: str) -> None:
    text = between.join(numbers)
    hidden = list(text)
    for each in ALL.find(text):
        hidden[each.start : each.end] = "x" * (each.end - each.start)
    assert not any(each.isdigit() for each in hidden)


def test_two_cards_are_two_findings() -> None:
    text = "4111 1111 1111 1111 4111 1111 1111 1111"
    assert told(text, ALL.find(text)) == [("card", text[:19]), ("card", text[20:])]


def test_what_overlaps_is_one_finding_and_nothing_of_it_is_left_out() -> None:
    detector = Detector(["email"], {"ticket": r"jane@example\.com/[0-9]+"})
    assert told("to jane@example.com/4711.", detector.find("to jane@example.com/4711.")) == [
        ("ticket", "jane@example.com/4711")
    ]


@pytest.mark.parametrize(
    "text",
    ["x y " * 200_000, "4111 1111 1111 1112 " * 20_000, "eyJ" * 100_000, "password=x9Xa " * 35_000, "4\u200b" * 40_000],
)
def test_what_would_take_too_long_is_refused(text: str) -> None:
    with pytest.raises(Exhausted):
        ALL.find(text)


@pytest.mark.parametrize(
    "text", ["a" * 40_000, "a\u200b" * 20_000, "QUJD/+9x" * 2_500, "\u0430" * 40_000, "-" * 40_000]
)
def test_what_only_looks_hostile_is_looked_through(text: str) -> None:
    assert ALL.find(text) == []


def test_groups_and_kinds_have_names() -> None:
    assert expanded(["email", "national_id"]) == {"email", *GROUPS["national_id"]}
    assert {kind for kinds in GROUPS.values() for kind in kinds} <= set(KINDS)
    assert not set(GROUPS) & set(KINDS)
    with pytest.raises(KeyError, match="e-mail"):
        expanded(["e-mail"])


def test_a_kind_that_is_not_asked_for_is_not_found() -> None:
    assert Detector(["email"]).find("call +49 30 901820, DE89370400440532013000") == []


PIECES = (
    "My card number is 4111 1111 1111 1111, thanks.\n" * 3
    + f"Key:\n-----BEGIN PRIVATE KEY-----\n{'aB3d' * 30}\n-----END PRIVATE KEY-----\n"
    + "and jane@example.com, password = 'hunter2!x' and Ms. Zoe Ng of Zürich.\n"
    + "x " * 99
)


@pytest.mark.parametrize("detector", [ALL, Detector(["email"], {"name": "Ms. [A-Z][a-z]+ [A-Z][a-z]+"})])
def test_what_is_settled_does_not_change_whatever_follows(detector: Detector) -> None:
    known = Known({"who": "Zoe  Ng"})
    whole = detector.find(PIECES, known)
    assert whole
    for size in range(0, len(PIECES), 3):
        text = PIECES[:size]
        found = detector.find(text, known)
        settled = detector.settled(text, found, known)
        assert [each for each in found if each.end <= settled] == [each for each in whole if each.end <= settled]
        assert not any(each.start < settled < each.end for each in whole)


@given(st.lists(st.sampled_from([parsed(case)[1] for case in FOUND]), min_size=2, max_size=6), st.integers(0, 400))
@settings(max_examples=100)
def test_a_text_can_be_looked_through_piece_by_piece(parts: list[str], size: int) -> None:
    """What begins in a piece is found with the characters before it that `CONTEXT` says, and whatever comes after."""
    text = "; ".join(parts)
    at = min(size, len(text))
    skipped = max(0, at - CONTEXT)
    shifted = [Finding(each.start + skipped, each.end + skipped, each.kind) for each in ALL.find(text[skipped:])]
    whole = ALL.find(text)
    if not any(each.start < at < each.end for each in whole):
        assert [each for each in shifted if each.start >= at] == [each for each in whole if each.start >= at]


@pytest.mark.parametrize("text", ["\u4f60\u597d\uff0c\u4e16\u754c\u3002" * 500, "some words " * 300, "a/b/c " * 300])
def test_prose_is_settled_soon(text: str) -> None:
    assert len(text) - ALL.settled(text, ALL.find(text)) < 128
