"""Who a conversation is pinned to is waited for, as long as the policy says and no longer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.support.machine import FALLBACK, LIMITS, said

from policyroute.decide.decision import Candidate
from policyroute.decide.pinning import PINNED
from policyroute.exchange.commands import Command, Failed, Tick, Wake
from policyroute.exchange.machine import Exchange
from policyroute.failures import Failure, FailureKind

Make = Callable[..., Candidate]

RETRYING = replace(FALLBACK, retries=2, swap_delay=0.05)


class Resting:
    """Whether the pinned candidate may be asked: not before `until`, as somebody else's failure has shown."""

    def __init__(self, until: float) -> None:
        self.until = until

    def eligible(self, candidate: Candidate, now: float) -> Failure | None:
        if candidate.why != PINNED or now >= self.until:
            return None
        return Failure(FailureKind.RATE_LIMITED, "it rests", code="cooling", retry_after=self.until - now)


def exchange(candidates: Sequence[Candidate], max_wait: float, until: float = 0.0) -> Exchange:
    return Exchange(candidates, RETRYING, LIMITS, stream=False, eligible=Resting(until).eligible, max_wait=max_wait)


def due(commands: Sequence[Command]) -> float:
    [wake] = [command for command in commands if isinstance(command, Wake)]
    return wake.at


def limited(number: int, retry_after: float) -> Failed:
    return Failed(number, Failure(FailureKind.RATE_LIMITED, "in words", status=429, retry_after=retry_after))


def two(candidate: Make) -> tuple[Candidate, Candidate]:
    return replace(candidate("a"), why=PINNED), candidate("b")


def test_a_retry_after_within_max_wait_is_waited_out(candidate: Make) -> None:
    made = exchange(two(candidate), max_wait=10.0)
    assert said(made.start(0.0)) == ["open a"]
    assert due(made.step(limited(1, 8.0), 1.0)) == 9.0
    assert said(made.step(Tick(), 9.0)) == ["open a"]


def test_one_that_is_longer_moves_it(candidate: Make) -> None:
    made = exchange(two(candidate), max_wait=10.0)
    made.start(0.0)
    assert due(made.step(limited(1, 11.0), 1.0)) == 1.05
    assert said(made.step(Tick(), 1.05)) == ["open b"]


def test_waits_add_up(candidate: Make) -> None:
    made = exchange(two(candidate), max_wait=10.0)
    made.start(0.0)
    made.step(limited(1, 6.0), 0.0)
    assert said(made.step(Tick(), 6.0)) == ["open a"]
    made.step(limited(2, 6.0), 6.0)
    assert said(made.step(Tick(), 6.05)) == ["open b"]


def test_where_it_rests_it_is_waited_for_before_the_first_attempt(candidate: Make) -> None:
    made = exchange(two(candidate), max_wait=5.0, until=4.0)
    commands = made.start(0.0)
    assert (said(commands), due(commands)) == ([], 4.0)
    assert said(made.step(Tick(), 4.0)) == ["open a"]
    assert made.record.skipped == []


def test_where_it_rests_for_longer_the_next_is_asked_at_once(candidate: Make) -> None:
    made = exchange(two(candidate), max_wait=5.0, until=6.0)
    assert said(made.start(0.0)) == ["open b"]
    assert [each.code for each in made.record.skipped] == ["cooling"]


def test_no_wait_reaches_past_the_deadline(candidate: Make) -> None:
    made = exchange(two(candidate), max_wait=1e6, until=LIMITS.total + 1)
    assert said(made.start(0.0)) == ["open b"]


def test_who_nobody_is_pinned_to_is_not_waited_for(candidate: Make) -> None:
    made = exchange((candidate("a"), candidate("b")), max_wait=10.0)
    made.start(0.0)
    made.step(limited(1, 8.0), 0.0)
    assert said(made.step(Tick(), 0.05)) == ["open b"]
