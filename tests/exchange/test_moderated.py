"""An answer of which somebody outside says, with its end, whether it may be given: nothing of it before, or no end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from tests.support.machine import FALLBACK, LIMITS, Make, anybody, said

from policyroute.decide.decision import Candidate, Denial, Excluded
from policyroute.decide.judging import Verdict
from policyroute.events import Finished, FinishReason, StreamEvent, TextDelta, ToolCallDelta
from policyroute.exchange.answering import Asks, Review
from policyroute.exchange.carrying import Carrying
from policyroute.exchange.commands import Failed, Received, Withheld
from policyroute.exchange.held import HELD_BYTES, WHOLE_BYTES
from policyroute.exchange.machine import Exchange
from policyroute.failures import Failure, FailureKind

STOP = Finished(FinishReason.STOP)
NO = Denial(403, "moderated", "No", None)


class Ending:
    """Tells the end of an answer and nothing else."""

    def __init__(self, sent: bytes) -> None:
        self.lost: set[str] = set()

    def recall(self, event: dict[str, Any]) -> None:
        raise AssertionError

    def write(self, events: Iterable[StreamEvent]) -> bytes:
        return b"".join(b"[stop]" for event in events if isinstance(event, Finished))

    def end(self) -> bytes:
        return b"."


def carrying() -> Carrying:
    """What the client has seen is a word. Nobody may go on with it."""
    return Carrying(lambda sent: [TextDelta("Hi")] if sent else [], Ending, lambda: None)


def play(
    *candidates: Candidate, whole: bool, review: Review | None = None, moderated: bool = True, carries: bool = False
) -> Exchange:
    asks = Asks(review=review, moderated=moderated, whole=whole)
    goes_on = carrying() if carries else None
    exchange = Exchange(candidates, FALLBACK, LIMITS, stream=True, eligible=anybody, asks=asks, carrying=goes_on)
    exchange.start(0.0)
    return exchange


def hears(
    exchange: Exchange, *events: StreamEvent, raw: bytes, end: bool = False, denied: Denial | None = None
) -> list[str]:
    return said(exchange.step(Received(1, events, raw, end, 200, denied=denied), 0.0))


def test_nothing_of_a_whole_answer_is_given_before_its_end(candidate: Make) -> None:
    exchange = play(candidate("a"), whole=True)
    assert hears(exchange, TextDelta("Hi"), raw=b"Hi ") == []
    assert hears(exchange, ToolCallDelta(0, "c", "look", "{}"), raw=b"there") == []
    assert hears(exchange, STOP, raw=b"[stop]") == []
    assert hears(exchange, raw=b".", end=True) == ["emit Hi there[stop].", "done ok"]


def test_nor_is_it_where_it_is_refused(candidate: Make) -> None:
    exchange = play(candidate("a"), candidate("b"), whole=True)
    assert hears(exchange, TextDelta("Hi"), raw=b"Hi ") == []
    assert hears(exchange, STOP, raw=b"[stop]", end=True, denied=NO) == ["done denied moderated"]
    assert exchange.record.committed is None
    assert [each.outcome for each in exchange.record.attempts] == ["ok"], "the provider did what it was asked"


def test_what_is_more_than_may_be_held_is_not_given_either(candidate: Make) -> None:
    exchange = play(candidate("a"), candidate("b"), whole=True)
    assert hears(exchange, TextDelta("Hi"), raw=bytes(2 * HELD_BYTES)) == []
    assert hears(exchange, TextDelta("Hi"), raw=bytes(WHOLE_BYTES)) == ["cancel", "open b"]
    assert exchange.record.committed is None


def test_where_only_the_end_waits_a_refused_answer_has_none(candidate: Make) -> None:
    exchange = play(candidate("a"), candidate("b"), whole=False)
    assert hears(exchange, TextDelta("Hi"), raw=b"Hi") == ["emit Hi"]
    assert hears(exchange, STOP, raw=b"[stop]") == []
    assert hears(exchange, TextDelta("!"), raw=b"!.", end=True, denied=NO) == ["done denied moderated"]


@pytest.mark.parametrize(("moderated", "told"), [(True, ["done stream_broken"]), (False, ["emit [stop].", "done ok"])])
def test_an_answer_that_breaks_off_at_its_end_gets_none_without_a_word(
    candidate: Make, moderated: bool, told: list[str]
) -> None:
    exchange = play(candidate("a"), whole=False, moderated=moderated, carries=True)
    assert hears(exchange, TextDelta("Hi"), raw=b"Hi") == ["emit Hi"]
    assert hears(exchange, STOP, raw=b"") == []
    assert said(exchange.step(Failed(1, Failure(FailureKind.STREAM_BROKEN, "reset")), 0.0)) == told


def test_the_rules_are_not_asked_about_what_is_refused(candidate: Make) -> None:
    asked: list[str] = []

    def judge(of: Candidate, _: object) -> Verdict:
        asked.append(of.target)
        return Verdict()

    exchange = play(candidate("a"), whole=False, review=Review(judge))
    assert hears(exchange, TextDelta("Hi"), STOP, raw=b"Hi.", end=True, denied=NO) == ["done denied moderated"]
    assert asked == []


def test_a_request_that_is_refused_is_nobodys(candidate: Make) -> None:
    exchange = play(candidate("a"), candidate("b"), whole=True)
    reason = Excluded("a", "p", "moderated", None, "No")
    assert said(exchange.step(Withheld(1, reason, NO), 0.0)) == ["done withheld moderated"]
    assert not exchange.record.attempts and not exchange.record.completed
    assert [(each.target, each.code) for each in exchange.record.skipped] == [("a", "moderated")]
