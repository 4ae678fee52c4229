"""Failover with several keys a provider, told as plain lines; and candidates that are passed over as good as failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.support.machine import FALLBACK, LIMITS, Make

from policyroute.decide.decision import Candidate, Excluded
from policyroute.decide.resolved import ResolvedFallback
from policyroute.events import TextDelta
from policyroute.exchange.commands import Command, Done, Failed, Open, Received, Tick, Wake
from policyroute.exchange.machine import Exchange
from policyroute.failures import DEFAULT_AFTER, Failure, FailureKind

PAUSING = replace(FALLBACK, swap_delay=0.05)
OF_A_KEY = [FailureKind.RATE_LIMITED, FailureKind.QUOTA_EXHAUSTED, FailureKind.AUTH]


class Play:
    """An exchange with providers that have `spare` further keys each. `out` says who is passed over, and as what."""

    def __init__(
        self,
        *candidates: Candidate,
        spare: int = 0,
        out: Mapping[str, Failure | Excluded] | None = None,
        fallback: ResolvedFallback = PAUSING,
    ) -> None:
        self.now = 0.0
        self.spare = spare
        self.out: Mapping[str, Failure | Excluded] = out or {}
        self.wake = 0.0
        self.told: Failure | None = None
        self.exchange = Exchange(
            candidates, fallback, LIMITS, stream=True, eligible=self._eligible, spare_key=lambda _: self.spare > 0
        )
        self.first = self._words(self.exchange.start(0.0))

    def _eligible(self, candidate: Candidate, now: float) -> Excluded | Failure | None:
        return self.out.get(candidate.target)

    def _words(self, commands: list[Command]) -> list[str]:
        words: list[str] = []
        for command in commands:
            match command:
                case Open(id=number, attempt=attempt):
                    words.append(f"open {number} {attempt.candidate.target}")
                case Done(failure=failure, record=record):
                    self.told = failure
                    words.append(f"done {record.outcome}")
                case Wake(at=at):
                    self.wake = at
                case _:
                    words.append(type(command).__name__.lower())
        return words

    def fails(self, number: int, kind: FailureKind, **more: float | bool) -> list[str]:
        failure = replace(Failure(kind, "in words", status=429), **more)  # type: ignore[arg-type]
        return self._words(self.exchange.step(Failed(number, failure), self.now))

    def wait(self) -> list[str]:
        self.now = self.wake
        return self._words(self.exchange.step(Tick(), self.now))

    @property
    def skipped(self) -> list[tuple[str, str]]:
        return [(each.target, each.code) for each in self.exchange.record.skipped]


@pytest.mark.parametrize("kind", OF_A_KEY)
def test_another_key_of_the_same_provider_is_tried_at_once(candidate: Make, kind: FailureKind) -> None:
    play = Play(candidate("a", keys=2), candidate("b"), spare=1)
    assert play.fails(1, kind) == ["open 2 a"]
    play.spare = 0
    assert play.fails(2, kind) == []
    assert play.wait() == ["open 3 b"]


def test_what_no_key_would_change_is_not_tried_with_another(candidate: Make) -> None:
    play = Play(candidate("a", keys=2), candidate("b"), spare=1)
    assert play.fails(1, FailureKind.UNAVAILABLE) == []
    assert play.wait() == ["open 2 b"]


def test_another_key_is_neither_a_retry_nor_a_swap(candidate: Make) -> None:
    tight = replace(PAUSING, retries=1, max_swaps=1, max_attempts=9, swap_delay=0.0)
    play = Play(candidate("a", keys=4), candidate("b"), spare=1, fallback=tight)
    assert play.fails(1, FailureKind.RATE_LIMITED) == ["open 2 a"]
    assert play.fails(2, FailureKind.RATE_LIMITED) == ["open 3 a"]
    play.spare = 0
    assert play.fails(3, FailureKind.UNAVAILABLE) == ["open 4 a"]
    assert play.fails(4, FailureKind.UNAVAILABLE) == ["open 5 b"]


def test_it_is_an_attempt(candidate: Make) -> None:
    play = Play(candidate("a", keys=9), spare=1, fallback=replace(PAUSING, max_attempts=2))
    assert play.fails(1, FailureKind.AUTH) == ["open 2 a"]
    assert play.fails(2, FailureKind.AUTH) == ["done auth"]


def test_where_the_kind_is_not_named_no_other_key_is_tried(candidate: Make) -> None:
    play = Play(candidate("a", keys=2), spare=1, fallback=replace(PAUSING, after=frozenset()))
    assert play.fails(1, FailureKind.RATE_LIMITED) == ["done rate_limited"]


def test_a_pool_whose_last_key_failed_is_still_asked_for_another_model(candidate: Make) -> None:
    """Which of its keys rest for which model is not the machine's to know."""
    play = Play(candidate("a", "one", keys=2), candidate("b", "one", keys=2))
    assert play.fails(1, FailureKind.QUOTA_EXHAUSTED) == []
    assert play.wait() == ["open 2 b"]


def test_a_wait_that_was_asked_for_is_waited_out_where_no_key_is_left(candidate: Make) -> None:
    play = Play(candidate("a", keys=2), fallback=replace(PAUSING, retries=1))
    assert play.fails(1, FailureKind.RATE_LIMITED, retry_after=1.5) == []
    assert play.wake == 1.5
    assert play.wait() == ["open 2 a"]


def test_no_wait_is_made_up_for_a_pool(candidate: Make) -> None:
    play = Play(candidate("a", keys=2), fallback=replace(PAUSING, retries=1))
    assert play.fails(1, FailureKind.RATE_LIMITED) == ["done rate_limited"]


# Passed over as good as failed ----------------------------------------------------------------------------------------


BUSY = Failure(FailureKind.OVERLOADED, "as many as may be", code="target_full", retry_after=2.0)


def test_who_is_passed_over_is_skipped_with_the_reason(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), out={"a": BUSY})
    assert play.first == ["open 1 b"]
    assert play.skipped == [("a", "target_full")]


def test_if_nobody_helps_the_client_is_told_of_it(candidate: Make) -> None:
    cooling = Failure(FailureKind.RATE_LIMITED, "No key may be used now.", retry_after=7.0)
    play = Play(candidate("a"), candidate("b"), out={"a": cooling, "b": BUSY})
    assert play.first == ["done rate_limited"]
    assert play.told is not None
    assert (play.told.kind, play.told.retry_after) == (FailureKind.RATE_LIMITED, 2.0)


def test_it_counts_beside_what_was_tried(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), out={"a": BUSY})
    assert play.fails(1, FailureKind.UNAVAILABLE) == ["done overloaded"]


def test_where_the_kind_is_not_named_nobody_else_is_asked(candidate: Make) -> None:
    after = DEFAULT_AFTER - {FailureKind.OVERLOADED}
    play = Play(candidate("a"), candidate("b"), out={"a": BUSY}, fallback=replace(PAUSING, after=after))
    assert play.first == ["done overloaded"]


def test_a_spare_key_that_is_gone_by_then_is_not_insisted_on(candidate: Make) -> None:
    play = Play(candidate("a", keys=2), candidate("b"), spare=1)
    play.out = {"a": BUSY}
    assert play.fails(1, FailureKind.RATE_LIMITED) == ["open 2 b"]
    play.exchange.step(Received(2, (TextDelta("b"),), b"b", True), 0.0)
    assert play.exchange.record.outcome == "ok"


# The caller's own key -------------------------------------------------------------------------------------------------


def test_a_callers_key_that_was_refused_is_the_callers_to_hear(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.fails(1, FailureKind.AUTH, client_key=True) == ["done auth"]


@pytest.mark.parametrize("after", [DEFAULT_AFTER, frozenset[FailureKind]()])
def test_a_callers_key_that_is_missing_leaves_the_others(candidate: Make, after: frozenset[FailureKind]) -> None:
    missing = Failure(FailureKind.AUTH, "send it", code="missing_client_key", client_key=True)
    play = Play(candidate("a"), candidate("b"), out={"a": missing}, fallback=replace(PAUSING, after=after))
    assert play.first == ["open 1 b"]
    assert play.skipped == [("a", "missing_client_key")]
    alone = Play(candidate("a"), out={"a": missing}, fallback=replace(PAUSING, after=after))
    assert alone.told == missing
