"""An answer that has to fit a schema: checked before it is given, mended once, then asked for elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.machine import FALLBACK, LIMITS, Make, anybody

from policyroute.decide.decision import Candidate
from policyroute.decide.resolved import ResolvedFallback, ResolvedHold
from policyroute.events import Finished, FinishReason, StreamEvent, TextDelta, ToolCallDelta
from policyroute.exchange.answering import Asks
from policyroute.exchange.commands import Done, Emit, Failed, Open, Received
from policyroute.exchange.integrity import Demand
from policyroute.exchange.machine import Exchange
from policyroute.failures import DEFAULT_AFTER, Failure, FailureKind
from policyroute.integrity.validation import validator

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]}
CHECKED = validator(SCHEMA)
DEMAND = Demand(CHECKED.check, CHECKED.hash, SCHEMA)
REPORTING = replace(FALLBACK, retries=1, max_attempts=5)
ENFORCING = replace(REPORTING, after=DEFAULT_AFTER | {FailureKind.SCHEMA_INVALID})
GOOD, BAD = json.dumps({"result": "r"}), json.dumps({"outcome": "r"})
STOP = Finished(FinishReason.STOP)


class Play:
    def __init__(
        self, *candidates: Candidate, fallback: ResolvedFallback = ENFORCING, stream: bool = False, **hold: Any
    ) -> None:
        asks = Asks(demand=DEMAND, hold=ResolvedHold(**hold))
        self.exchange = Exchange(candidates, fallback, LIMITS, stream=stream, eligible=anybody, asks=asks)
        self.opened: list[Open] = []
        self.sent = b""
        self.done: Done | None = None
        self.take(self.exchange.start(0.0))

    def take(self, commands: list[Any]) -> None:
        for command in commands:
            if isinstance(command, Open):
                self.opened.append(command)
            elif isinstance(command, Emit):
                self.sent += command.raw
            elif isinstance(command, Done):
                self.done = command

    def says(self, *events: StreamEvent, end: bool = True) -> None:
        raw = "".join(event.text for event in events if isinstance(event, TextDelta))
        self.take(self.exchange.step(Received(len(self.opened), events, raw.encode(), end, 200), 0.0))

    @property
    def asked(self) -> list[tuple[str, bool]]:
        """Who, and whether to mend its last answer."""
        return [(each.attempt.candidate.target, each.attempt.repair is not None) for each in self.opened]


def test_an_answer_that_fits_is_given(candidate: Make) -> None:
    play = Play(candidate("a"))
    play.says(TextDelta(GOOD), STOP)
    record = play.exchange.record
    assert (play.sent, record.outcome, record.completed, record.schema_intact) == (GOOD.encode(), "ok", True, True)
    assert record.schema_hash == CHECKED.hash


def test_one_that_does_not_is_mended_by_the_same_model_once_and_then_asked_for_elsewhere(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=replace(ENFORCING, retries=3))
    play.says(TextDelta(BAD), STOP)
    assert play.sent == b""
    repair = play.opened[1].attempt.repair
    assert repair is not None
    assert (repair.answer, "$.result" in repair.complaint) == (BAD, True)
    play.says(TextDelta(BAD), STOP)
    play.says(TextDelta(GOOD), STOP)
    assert play.asked == [("a", False), ("a", True), ("b", False)]
    assert play.sent == GOOD.encode()
    assert [each.schema_intact for each in play.exchange.record.attempts] == [False, False, True]


def test_where_nobody_gives_one_that_fits_the_client_is_told_which_path_failed(candidate: Make) -> None:
    play = Play(candidate("a"))
    play.says(TextDelta(BAD), STOP)
    play.says(TextDelta(BAD), STOP)
    assert play.sent == b""
    assert play.done is not None and play.done.failure is not None
    assert play.done.failure.kind is FailureKind.SCHEMA_INVALID
    assert "$.result" in play.done.failure.message
    assert "outcome" not in play.done.failure.message
    record = play.exchange.record
    assert (record.completed, record.schema_intact) == (False, False)


def test_without_retries_nothing_is_mended(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=replace(ENFORCING, retries=0))
    play.says(TextDelta(BAD), STOP)
    assert play.asked == [("a", False), ("b", False)]


def test_a_failure_while_mending_is_a_failure_like_any_other(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    play.says(TextDelta(BAD), STOP)
    failed = Failed(2, Failure(FailureKind.RATE_LIMITED, "slowly", 429, retry_after=60.0))
    play.take(play.exchange.step(failed, 0.0))
    assert play.asked[-1] == ("b", False)


def test_where_no_rule_minds_it_is_given_and_reported(candidate: Make) -> None:
    play = Play(candidate("a"), fallback=REPORTING)
    play.says(TextDelta(BAD), STOP)
    record = play.exchange.record
    assert (play.sent, record.completed, record.schema_intact) == (BAD.encode(), True, False)


def test_a_stream_that_is_held_is_checked_before_it_is_given(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), stream=True, schema=True)
    for part in (BAD[:5], BAD[5:]):
        play.says(TextDelta(part), end=False)
    assert play.sent == b""
    play.says(STOP)
    play.says(TextDelta(GOOD[:4]), end=False)
    play.says(TextDelta(GOOD[4:]), STOP)
    assert (play.sent, play.asked) == (GOOD.encode(), [("a", False), ("a", True)])


def test_a_stream_that_is_not_held_is_reported(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), stream=True)
    for part in (BAD[:5], BAD[5:]):
        play.says(TextDelta(part), end=False)
    play.says(STOP)
    record = play.exchange.record
    assert (play.sent, record.outcome, record.completed, record.schema_intact) == (BAD.encode(), "ok", True, False)


def test_what_is_larger_than_may_be_held_is_sent_as_it_comes_and_reported(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), stream=True, schema=True, max_bytes=1024)
    play.says(TextDelta("[" * 2000), end=False)
    assert play.sent == b"[" * 2000
    play.says(STOP)
    assert (play.exchange.record.completed, play.exchange.record.schema_intact) == (True, False)


@pytest.mark.parametrize(
    "events",
    [
        (ToolCallDelta(0, "c", "look", "{}"), Finished(FinishReason.TOOL_CALLS)),
        (TextDelta("I will not."), Finished(FinishReason.REFUSAL)),
    ],
)
def test_calls_and_refusals_are_not_measured(candidate: Make, events: tuple[StreamEvent, ...]) -> None:
    play = Play(candidate("a"))
    play.says(*events)
    assert (play.exchange.record.outcome, play.exchange.record.schema_intact) == ("ok", None)
