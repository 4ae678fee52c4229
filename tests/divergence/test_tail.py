"""A stream that says the same again and again, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute.divergence import Tail

PROSE = " ".join(f"word{at} and then number {at * 7}" for at in range(200))


def heard(text: str, size: int = 12) -> int:
    """How many characters it took, -1 where it never was."""
    tail = Tail()
    for at in range(0, len(text), size):
        if tail.heard(text[at : at + size]):
            return at + size
    return -1


@pytest.mark.parametrize("said", ["I will do it now. ", "x = compute(x);\n", "ha", "\n", " ", "I see. You see. " * 5])
@pytest.mark.parametrize("size", [1, 12, 500])
def test_what_repeats_is_heard(said: str, size: int) -> None:
    took = heard(PROSE + said * 1000, size)
    assert 0 <= took - len(PROSE) <= 600 + len(said) + size


@pytest.mark.parametrize(
    "said",
    [
        PROSE * 3,
        "-" * 2000,
        "- - - " * 300,
        "| a | b |\n" * 300,
        "|---|---|\n" * 300,
        "0, 0, 0, " * 300,
        "```\n" + "x = 0\n" * 500,
        "`" + "``py\n" + "pass\n" * 500,
        "yes\n" * 100,
        "a very long sentence of which there are only five in a row, as in a refrain of a song that one sings. " * 5,
    ],
)
def test_what_is_meant_is_not(said: str) -> None:
    assert heard(said) == -1


def test_after_a_code_fence_it_is_heard_again() -> None:
    assert heard("```\n" + "x = 0\n" * 200 + "```\n" + "I see. " * 200) > 1200


@settings(max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=10))
def test_it_does_not_matter_in_which_pieces_it_comes(sizes: list[int]) -> None:
    text = "```\n" + "x = 0\n" * 150 + "```\n" + "I do it again. " * 60
    tail, at, found = Tail(), 0, 0
    for size in sizes * 2000:
        if at < len(text) and tail.heard(text[at : at + size]):
            found = found or at
        at += size
    assert found > 1400
