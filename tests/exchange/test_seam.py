"""Where an answer goes on: nothing is lost of a text that repeats itself, and nothing said twice."""

from __future__ import annotations

from itertools import product

import pytest

from policyroute.events import Broken, Finished, FinishReason, TextDelta
from policyroute.exchange.carrying import Carried, Way
from policyroute.exchange.seam import Seam

ROWS = "2024-01-01,12.5,ok\n" * 4
LOG = "INFO request done in 12ms\n" * 3 + "INFO request done in 13ms\n"
TABLE = "| name | value |\n|------|-------|\n| alpha | 0.0 |\n| beta | 1.5 |\n"
PROSE = "The committee met on Tuesday. It agreed that the budget for the coming year should be cut by ten percent."


def gone_on(way: Way, sent: str, then: str, size: int) -> str | None:
    """What is told after `sent` where somebody says `then`; None where nobody can tell what that is."""
    seam = Seam(Carried(way, b"", sent))
    parts = [TextDelta(then[at : at + size]) for at in range(0, len(then), size)]
    told = [*seam.passed(parts), *seam.passed([Finished(FinishReason.STOP)])]
    if any(isinstance(event, Broken) for event in told):
        return None
    return "".join(event.text for event in told if isinstance(event, TextDelta))


@pytest.mark.parametrize(("text", "size"), list(product([ROWS, LOG, TABLE, PROSE], [1, 7, 1000])))
def test_who_was_given_the_beginning_goes_on_exactly(text: str, size: int) -> None:
    for cut in range(2, len(text)):
        rest = text[cut:]
        blanks = text[len(text[:cut].rstrip()) : cut]
        told = gone_on(Way.PREFILL, text[:cut], blanks + rest, size)
        first = text.find("\n") + 1
        if cut > first or text is PROSE:  # of a single line nobody can tell
            assert told in {rest, None}, text[:cut]


@pytest.mark.parametrize(("text", "size"), list(product([ROWS, LOG], [1, 7, 1000])))
def test_lines_that_are_said_again_are_not_lost_without_a_word(text: str, size: int) -> None:
    for cut in range(text.find("\n") + 2, len(text)):  # of a single line nobody can tell
        assert gone_on(Way.INSTRUCT, text[:cut], text[cut:], size) in {text[cut:], None}, text[:cut]


@pytest.mark.parametrize("way", [Way.PREFILL, Way.INSTRUCT])
def test_a_long_text_that_starts_over_does_so_though_it_repeats_itself(way: Way) -> None:
    sent = "INFO request done in 12ms\n" * 30
    assert gone_on(way, sent, sent + "INFO stopped\n", 7) == "INFO stopped\n"


@pytest.mark.parametrize(("text", "size", "again"), list(product([TABLE, PROSE], [1, 7, 1000], [20, 40])))
def test_an_end_that_is_said_again_is_said_once(text: str, size: int, again: int) -> None:
    known = 0
    for cut in range(again, len(text)):
        told = gone_on(Way.INSTRUCT, text[:cut], text[cut - again :], size)
        assert told in {text[cut:], None}, text[:cut]
        known += told is not None
    assert known * 2 > len(text) - again  # most of it is recognised
