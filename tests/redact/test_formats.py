"""Every format of tokens finds what is drawn from it, and only as a whole."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from typing import Any

import pytest

from policyroute.redact.detector import Detector
from policyroute.redact.formats import FORMATS, Format
from policyroute.redact.kinds import KINDS

PARSER: Any = getattr(re, "_parser")  # noqa: B009 - what the patterns are made of, for drawing from them
EVEN = random.Random(7)


def drawn(pattern: Iterable[tuple[Any, Any]]) -> str:
    return "".join(_one(str(what), value) for what, value in pattern)


def _one(what: str, value: Any) -> str:
    match what:
        case "LITERAL":
            return chr(value)
        case "IN":
            return EVEN.choice([each for some in value for each in _characters(str(some[0]), some[1])])
        case "MAX_REPEAT":
            least, most, inner = value
            return "".join(drawn(inner) for _ in range(EVEN.randint(least, min(int(most), least + 3))))
        case "SUBPATTERN":
            return drawn(value[-1])
        case "BRANCH":
            return drawn(EVEN.choice(value[1]))
        case _:
            return ""


def _characters(what: str, value: Any) -> list[str]:
    if what == "LITERAL":
        return [chr(value)]
    if what == "RANGE":
        return [chr(each) for each in range(value[0], value[1] + 1)]
    return ["\n" if what == "NEGATE" else " "]


def around(form: Format) -> str:
    """What may stand before the token is its pattern's business only where the pattern says so."""
    return form.pattern.replace(r"(?:^|/bot|[^A-Za-z0-9])", "").replace(r"(?:^|[^A-Za-z0-9.])", "")


PLAIN = [form for form in FORMATS if "[^" not in around(form)]


@pytest.mark.parametrize("form", PLAIN, ids=[f"{each.kind} {each.mark}" for each in PLAIN])
def test_a_token_is_found(form: Format) -> None:
    EVEN.seed(form.pattern)  # the same tokens whichever tests ran before
    detector = Detector([form.kind])
    tokens = [drawn(PARSER.parse(around(form))) for _ in range(8)]
    found = [bool(detector.find(f"key {token}, and more")) for token in tokens]
    assert found.count(True) >= 7, [token[:12] for token in tokens]  # one may look like filler


def test_the_mark_of_a_format_stands_in_its_pattern() -> None:
    assert [form.kind for form in FORMATS if form.mark not in form.pattern.replace("\\", "").lower()] == []


def test_no_format_is_longer_than_its_mark_allows() -> None:
    """A token that a word goes on with is no token."""
    detector = Detector(["github_token"])
    token = "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"
    assert detector.find(token)
    assert detector.find(f"{token}x") == detector.find(f"x{token}") == []


def test_every_format_is_a_kind() -> None:
    assert {form.kind for form in FORMATS} <= set(KINDS)
