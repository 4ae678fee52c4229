"""Failover before commit, told as plain lines: what goes in, what comes out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.machine import FALLBACK, LIMITS, Make

from policyroute.decide.decision import Candidate, Excluded
from policyroute.decide.resolved import ResolvedFallback, ResolvedLimits
from policyroute.events import (
    Broken,
    Finished,
    FinishReason,
    OtherContent,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.exchange.commands import (
    Acked,
    Cancel,
    Cancelled,
    Command,
    Done,
    Emit,
    Failed,
    HungUp,
    Input,
    Open,
    Received,
    Tick,
    Wake,
    Withheld,
)
from policyroute.exchange.held import HELD_BYTES
from policyroute.exchange.machine import Exchange
from policyroute.failures import DEFAULT_AFTER, Failure, FailureKind

RETRYING = replace(FALLBACK, retries=1, swap_delay=0.05)
STOP = Finished(FinishReason.STOP)


class Play:
    """An exchange, its clock, and the commands so far in short words."""

    def __init__(
        self,
        *candidates: Candidate,
        fallback: ResolvedFallback = FALLBACK,
        limits: ResolvedLimits = LIMITS,
        stream: bool = True,
        out: frozenset[str] = frozenset(),
        keeps: bool = False,
    ) -> None:
        self.now = 0.0
        self.out = out
        self.wake: float | None = None
        self.exchange = Exchange(candidates, fallback, limits, stream=stream, eligible=self._eligible, keeps=keeps)
        self.first = self._words(self.exchange.start(self.now))

    def _eligible(self, candidate: Candidate, now: float) -> Excluded | None:
        if candidate.target not in self.out:
            return None
        return Excluded(candidate.target, candidate.provider.name, "require", "residency", "not in the region")

    def _words(self, commands: list[Command]) -> list[str]:
        words: list[str] = []
        for command in commands:
            match command:
                case Open(id=number, attempt=attempt):
                    words.append(f"open {number} {attempt.candidate.target}")
                case Cancel(id=number):
                    words.append(f"cancel {number}")
                case Emit(id=number, raw=raw):
                    words.append(f"emit {number} {raw.decode()}")
                case Done(record=record, failure=failure):
                    words.append(f"done {record.outcome}" + (f" {failure.kind}" if failure else ""))
                case Wake(at=at):
                    self.wake = at
                case _:
                    words.append("persist")
        return words

    def step(self, given: Input, after: float = 0.0) -> list[str]:
        self.now += after
        return self._words(self.exchange.step(given, self.now))

    def says(
        self, number: int, *events: StreamEvent, raw: str = "", end: bool = False, after: float = 0.0
    ) -> list[str]:
        return self.step(Received(number, events, raw.encode(), end, status=200), after)

    def fails(self, number: int, kind: FailureKind, after: float = 0.0, retry_after: float | None = None) -> list[str]:
        return self.step(Failed(number, Failure(kind, "in words", status=429, retry_after=retry_after)), after)

    def wait(self) -> list[str]:
        """Let the time come that was asked for."""
        assert self.wake is not None
        self.now, self.wake = self.wake, None
        return self.step(Tick())


def done(exchange: Exchange, given: Input, now: float) -> Done:
    [last] = [command for command in exchange.step(given, now) if isinstance(command, Done)]
    return last


# An answer ------------------------------------------------------------------------------------------------------------


def test_what_shows_nothing_is_held_until_something_shows(candidate: Make) -> None:
    play = Play(candidate("a"))
    assert play.first == ["open 1 a"]
    assert play.says(1, Started("id", "m"), raw="role ") == []
    assert play.says(1, TextDelta(""), raw="empty ") == []
    assert play.says(1, TextDelta("Hi"), raw="Hi") == ["emit 1 role empty Hi"]
    assert play.says(1, TextDelta("!"), raw="!") == ["emit 1 !"]
    assert play.says(1, STOP, Usage(3, 2), raw="end", end=True) == ["emit 1 end", "done ok"]
    [attempt] = play.exchange.record.attempts
    assert (attempt.outcome, attempt.status, attempt.input_tokens, attempt.output_tokens) == ("ok", 200, 3, 2)


@pytest.mark.parametrize(
    "event", [ReasoningDelta("hm"), RefusalDelta("no"), ToolCallDelta(0, "c", "f", ""), OtherContent("audio")]
)
def test_reasoning_refusal_and_tool_calls_commit_too(candidate: Make, event: StreamEvent) -> None:
    play = Play(candidate("a"))
    assert play.says(1, event, raw="x") == ["emit 1 x"]


def test_a_whole_json_answer_is_one_emit(candidate: Make) -> None:
    play = Play(candidate("a"), stream=False)
    assert play.says(1, Started("i", "m"), TextDelta("Hi"), STOP, raw="{}", end=True) == ["emit 1 {}", "done ok"]


def test_other_dialects_have_events_and_no_bytes(candidate: Make) -> None:
    play = Play(candidate("a"))
    assert play.says(1, TextDelta("Hi")) == ["emit 1 "]


# A swap nobody sees ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(DEFAULT_AFTER - {FailureKind.CONTEXT_OVERFLOW}))
def test_what_the_default_names_is_swapped_away(candidate: Make, kind: FailureKind) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.fails(1, kind) == ["open 2 b"]
    assert play.says(2, TextDelta("b"), raw="b", end=True) == ["emit 2 b", "done ok"]
    assert [attempt.outcome for attempt in play.exchange.record.attempts] == [kind.value, "ok"]


@pytest.mark.parametrize("kind", sorted(set(FailureKind) - DEFAULT_AFTER))
def test_what_it_does_not_name_is_told_at_once(candidate: Make, kind: FailureKind) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.fails(1, kind) == [f"done {kind} {kind}"]


def test_nothing_of_the_failed_answer_reaches_the_client(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    play.says(1, Started("a", "a"), raw="from a ")
    assert play.fails(1, FailureKind.STREAM_BROKEN) == ["open 2 b"]
    assert play.says(1, TextDelta("late"), raw="late") == []
    assert play.says(2, TextDelta("b"), raw="from b") == ["emit 2 from b"]


def test_an_error_inside_the_stream_before_anything_shows_is_a_failure_like_any_other(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    overloaded = Broken(Failure(FailureKind.OVERLOADED, "busy"))
    assert play.says(1, Started("a", "a"), TextDelta("half"), overloaded, raw="x") == ["cancel 1", "open 2 b"]


def test_an_answer_without_content_is_empty(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.says(1, Started("a", "a"), STOP, raw="x", end=True) == ["open 2 b"]
    assert play.exchange.record.attempts[0].outcome == "empty"


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.CONTENT_FILTER, FinishReason.REFUSAL])
def test_an_empty_answer_that_says_why_is_the_clients(candidate: Make, reason: FinishReason) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.says(1, Finished(reason), raw="x", end=True) == ["emit 1 x", "done ok"]


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        (FailureKind.CONTENT_FILTERED, (TextDelta("ha"), Finished(FinishReason.CONTENT_FILTER))),
        (FailureKind.TRUNCATED, (TextDelta("ha"), Finished(FinishReason.LENGTH))),
        (FailureKind.REFUSED, (RefusalDelta("no"), STOP)),
        (FailureKind.REFUSED, (Finished(FinishReason.REFUSAL),)),
    ],
)
def test_verdicts_on_content_are_routed_around_only_where_a_rule_says_so(
    candidate: Make, kind: FailureKind, events: tuple[StreamEvent, ...]
) -> None:
    told = Play(candidate("a"), candidate("b"))
    assert told.says(1, *events, raw="x", end=True) == ["emit 1 x", "done ok"]
    asked = Play(candidate("a"), candidate("b"), fallback=replace(FALLBACK, after=DEFAULT_AFTER | {kind}))
    assert asked.says(1, *events, raw="x", end=True) == ["open 2 b"]


def test_an_endless_preface_is_a_broken_stream(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    ping = ": ping\n" * (HELD_BYTES // 14)
    assert play.says(1, raw=ping) == []
    assert play.says(1, raw=ping) == []
    assert play.says(1, raw=ping) == ["cancel 1", "open 2 b"]


# Who is next ----------------------------------------------------------------------------------------------------------


def test_a_constraint_holds_on_every_hop(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), candidate("c"), out=frozenset({"b"}))
    assert play.fails(1, FailureKind.UNAVAILABLE) == ["open 2 c"]
    assert [(s.target, s.code) for s in play.exchange.record.skipped] == [("b", "require")]


def test_nobody_left_from_the_start(candidate: Make) -> None:
    assert Play(candidate("a"), out=frozenset({"a"})).first == ["done unavailable unavailable"]
    assert Play().first == ["done unavailable unavailable"]


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA_EXHAUSTED])
def test_an_account_in_trouble_is_left_altogether(candidate: Make, kind: FailureKind) -> None:
    play = Play(candidate("a", "one"), candidate("b", "one"), candidate("c", "two"))
    assert play.fails(1, kind) == ["open 2 c"]
    assert [(s.target, s.code) for s in play.exchange.record.skipped] == [("b", "same_account")]


def test_a_model_that_is_not_there_is_not_asked_for_under_another_name(candidate: Make) -> None:
    after = DEFAULT_AFTER | {FailureKind.MODEL_NOT_FOUND}
    same = (candidate("a", "one", model="m"), candidate("b", "one", model="m"), candidate("c", "one"))
    play = Play(*same, fallback=replace(FALLBACK, after=after))
    assert play.fails(1, FailureKind.MODEL_NOT_FOUND) == ["open 2 c"]


def test_an_overflow_goes_to_a_larger_window_only(candidate: Make) -> None:
    small, unknown, same, large = (
        candidate("small", window=8_000),
        candidate("unknown"),
        candidate("same", window=8_000),
        candidate("large", window=128_000),
    )
    play = Play(small, unknown, same, large)
    assert play.fails(1, FailureKind.CONTEXT_OVERFLOW) == ["open 2 large"]
    assert [s.code for s in play.exchange.record.skipped] == ["context_window", "context_window"]
    assert Play(small, unknown, same).fails(1, FailureKind.CONTEXT_OVERFLOW)[-1].startswith("done context_overflow")
    assert Play(unknown, large).fails(1, FailureKind.CONTEXT_OVERFLOW)[-1].startswith("done context_overflow")


def test_max_swaps_and_max_attempts_end_it(candidate: Make) -> None:
    many = [candidate(name) for name in "abcde"]
    swaps = Play(*many, fallback=replace(FALLBACK, max_swaps=1))
    assert swaps.fails(1, FailureKind.UNAVAILABLE) == ["open 2 b"]
    assert swaps.fails(2, FailureKind.UNAVAILABLE) == ["done unavailable unavailable"]
    attempts = Play(*many, fallback=replace(FALLBACK, max_swaps=9, max_attempts=2))
    attempts.fails(1, FailureKind.UNAVAILABLE)
    assert attempts.fails(2, FailureKind.UNAVAILABLE) == ["done unavailable unavailable"]


# Retries and waits ----------------------------------------------------------------------------------------------------


def test_the_same_candidate_is_retried_once_then_left(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=RETRYING)
    assert play.fails(1, FailureKind.UNAVAILABLE) == []
    assert play.wake == pytest.approx(0.05)
    assert play.wait() == ["open 2 a"]
    assert play.fails(2, FailureKind.UNAVAILABLE) == []
    assert play.wait() == ["open 3 b"]
    assert play.fails(3, FailureKind.UNAVAILABLE) == []
    assert play.wait() == ["open 4 b"]
    assert play.fails(4, FailureKind.UNAVAILABLE) == ["done unavailable unavailable"]


@pytest.mark.parametrize(
    "kind", [FailureKind.AUTH, FailureKind.QUOTA_EXHAUSTED, FailureKind.TIMEOUT_TTFT, FailureKind.TIMEOUT_IDLE]
)
def test_what_cannot_succeed_is_not_retried(candidate: Make, kind: FailureKind) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=RETRYING)
    play.fails(1, kind)
    assert play.wait() == ["open 2 b"]
    assert Play(candidate("a"), fallback=RETRYING).fails(1, kind) == [f"done {kind} {kind}"]


def test_a_short_retry_after_is_waited_out(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=RETRYING)
    assert play.fails(1, FailureKind.RATE_LIMITED, retry_after=1.5) == []
    assert play.wake == 1.5
    assert play.wait() == ["open 2 a"]


def test_a_long_or_unstated_one_is_a_reason_to_go_elsewhere(candidate: Make) -> None:
    for stated in (30.0, None):
        play = Play(candidate("a"), candidate("b"), fallback=RETRYING)
        play.fails(1, FailureKind.RATE_LIMITED, retry_after=stated)
        assert play.wait() == ["open 2 b"]


def test_an_unstated_one_is_waited_out_where_there_is_nowhere_to_go(candidate: Make) -> None:
    play = Play(candidate("a"), fallback=RETRYING)
    assert play.fails(1, FailureKind.RATE_LIMITED) == []
    assert play.wake == 1.0
    assert play.wait() == ["open 2 a"]


def test_no_wait_reaches_past_the_deadline(candidate: Make) -> None:
    tight = replace(LIMITS, total=1.0)
    alone = Play(candidate("a"), fallback=RETRYING, limits=tight)
    assert alone.fails(1, FailureKind.RATE_LIMITED, retry_after=1.5) == ["done rate_limited rate_limited"]
    other = Play(candidate("a"), candidate("b"), fallback=RETRYING, limits=tight)
    other.fails(1, FailureKind.RATE_LIMITED, retry_after=1.5)
    assert other.wait() == ["open 2 b"]


def test_a_candidate_that_a_constraint_puts_out_while_it_is_waited_for(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=RETRYING)
    play.fails(1, FailureKind.UNAVAILABLE)
    play.out = frozenset({"a"})
    assert play.wait() == ["open 2 b"]


# Time -----------------------------------------------------------------------------------------------------------------


def test_a_silent_stream_is_left_and_not_asked_twice(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=replace(RETRYING, swap_delay=0.0))
    assert play.wake == 20.0
    assert play.wait() == ["cancel 1", "open 2 b"]
    assert play.exchange.record.attempts[0].outcome == "timeout_ttft"


def test_a_ping_is_no_first_token(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    play.says(1, raw=": ping\n\n", after=19.0)
    assert play.wait() == ["cancel 1", "open 2 b"]
    assert play.exchange.record.attempts[0].outcome == "timeout_ttft"


def test_silence_is_measured_from_the_last_sign_of_life(candidate: Make) -> None:
    play = Play(candidate("a"))
    play.says(1, TextDelta("a"), raw="a")
    play.says(1, raw=": ping\n\n", after=25.0)
    assert play.wait() == []
    assert play.wake == 55.0
    assert play.wait() == ["cancel 1", "done timeout_idle timeout_idle"]


def test_many_reads_cost_one_timer(candidate: Make) -> None:
    play = Play(candidate("a"), limits=replace(LIMITS, ttft=60.0))
    play.says(1, TextDelta("a"), raw="a")
    assert play.wake == 30.0
    play.wake = None
    for _ in range(50):
        play.says(1, TextDelta("a"), raw="a", after=0.1)
    assert play.wake is None


def test_a_slow_client_is_no_silent_provider(candidate: Make) -> None:
    play = Play(candidate("a"))
    play.says(1, TextDelta("a"), raw="a")
    assert play.step(Tick(backed_up=True), after=40.0) == []
    assert play.wake == 70.0
    assert play.wait() == ["cancel 1", "done timeout_idle timeout_idle"]


def test_a_whole_answer_has_only_the_total(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), stream=False)
    assert play.wake == 600.0
    assert play.wait() == ["cancel 1", "done timeout_total timeout_total"]


# What may not go ------------------------------------------------------------------------------------------------------


def test_an_attempt_that_may_not_be_made_is_none_and_the_next_candidate_is_asked(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=replace(FALLBACK, max_attempts=1, max_swaps=0))
    assert play.step(Withheld(1, _too_secret(candidate("a")))) == ["open 1 b"]
    assert play.says(1, TextDelta("Hi"), STOP, raw="Hi", end=True) == ["emit 1 Hi", "done ok"]
    record = play.exchange.record
    assert [attempt.target for attempt in record.attempts] == ["b"]
    assert [(skipped.target, skipped.code) for skipped in record.skipped] == [("a", "clearance")]


def test_what_may_go_to_nobody_is_refused_and_not_tried_again(candidate: Make) -> None:
    play = Play(candidate("a"))
    end = done(play.exchange, Withheld(1, _too_secret(candidate("a"))), 0.0)
    assert end.denied is not None and end.failure is None
    assert (end.denied.status, end.denied.code, end.denied.rule) == (403, "not_for_any_provider", "labels")
    assert "a clearance that it has not" in end.denied.message
    assert not end.record.attempts and not end.record.completed


def test_where_the_fallback_may_not_have_it_the_first_failure_is_told(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.fails(1, FailureKind.OVERLOADED) == ["open 2 b"]
    assert play.step(Withheld(2, _too_secret(candidate("b")))) == ["done overloaded overloaded"]


def _too_secret(candidate: Candidate) -> Excluded:
    return Excluded(
        candidate.target, candidate.provider.name, "clearance", "labels", "it needs a clearance that it has not"
    )


def test_the_total_spans_all_attempts_and_what_is_waited(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), limits=replace(LIMITS, total=25.0))
    assert play.wait() == ["cancel 1", "open 2 b"]
    assert play.wake == 25.0
    assert play.wait() == ["cancel 2", "done timeout_total timeout_total"]


def test_what_is_kept_when_the_total_is_over_is_taken_over_by_nobody(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), limits=replace(LIMITS, total=25.0), stream=False, keeps=True)
    assert play.fails(1, FailureKind.UNAVAILABLE, after=24.5) == ["persist"]
    assert play.step(Acked(1), after=0.5) == ["done timeout_total timeout_total"]


def test_connecting_may_not_outlast_the_total(candidate: Make) -> None:
    exchange = Exchange(
        [candidate("a")], FALLBACK, replace(LIMITS, total=1.0), stream=True, eligible=lambda candidate, now: None
    )
    [opened] = [command for command in exchange.start(5.0) if isinstance(command, Open)]
    assert opened.attempt.connect == 1.0


# After commit ---------------------------------------------------------------------------------------------------------


def test_after_the_first_token_a_failure_is_told_and_nobody_else_is_asked(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    play.says(1, TextDelta("a"), raw="a")
    assert play.fails(1, FailureKind.STREAM_BROKEN) == ["done stream_broken stream_broken"]


def test_what_came_before_an_error_inside_the_stream_is_still_passed_on(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    play.says(1, TextDelta("a"), raw="a")
    broken = Broken(Failure(FailureKind.OVERLOADED, "busy"))
    assert play.says(1, TextDelta("b"), broken, raw="b") == ["emit 1 b", "cancel 1", "done overloaded overloaded"]


def test_a_record_has_the_providers_code_but_no_text(candidate: Make) -> None:
    for code, kept in [("rate_limit_exceeded", "rate_limit_exceeded"), ("You said: hello", None), ("x" * 99, None)]:
        play = Play(candidate("a"))
        play.step(Failed(1, Failure(FailureKind.RATE_LIMITED, "in words", code=code)))
        assert play.exchange.record.attempts[0].code == kept


# The client -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "outcome"), [(HungUp(), "client_closed"), (Cancelled(), "cancelled")])
def test_a_client_that_leaves_ends_it_wherever_it_stands_and_so_do_we(
    candidate: Make, end: Input, outcome: str
) -> None:
    early = Play(candidate("a"))
    assert early.step(end) == ["cancel 1", f"done {outcome}"]
    waiting = Play(candidate("a"), fallback=RETRYING)
    waiting.fails(1, FailureKind.UNAVAILABLE)
    assert waiting.step(end) == [f"done {outcome}"]
    late = Play(candidate("a"))
    late.says(1, TextDelta("a"), raw="a")
    assert late.step(end) == ["cancel 1", f"done {outcome}"]
    assert late.exchange.record.attempts[0].outcome == outcome
    assert late.says(1, TextDelta("a"), raw="a") == late.step(end) == late.step(Tick(), after=999.0) == []


# What is told ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (["unavailable", "rate_limited", "overloaded"], "unavailable"),
        (["auth", "overloaded"], "overloaded"),
        (["quota_exhausted", "auth"], "quota_exhausted"),
        (["overloaded", "invalid_request"], "overloaded"),
        (["overloaded", "content_filtered"], "content_filtered"),
        (["invalid_request"], "invalid_request"),
    ],
)
def test_the_failure_told_is_the_first_that_tells_the_client_something(
    candidate: Make, kinds: list[str], told: str
) -> None:
    play = Play(*(candidate(name) for name in "abc"[: len(kinds)]))
    words = [play.fails(number, FailureKind(kind)) for number, kind in enumerate(kinds, 1)]
    assert words[-1] == [f"done {told} {told}"]


def test_retry_after_is_the_soonest_that_any_provider_named(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    play.fails(1, FailureKind.RATE_LIMITED, retry_after=60.0)
    told = done(play.exchange, Failed(2, Failure(FailureKind.RATE_LIMITED, "in words", retry_after=30.0)), 20.0)
    assert told.failure is not None and told.failure.retry_after == 30.0
    patient = Play(candidate("a"), candidate("b"))
    patient.fails(1, FailureKind.RATE_LIMITED, retry_after=60.0)
    told = done(patient.exchange, Failed(2, Failure(FailureKind.UNAVAILABLE, "in words")), 20.0)
    assert told.failure is not None and told.failure.retry_after == 40.0


def test_no_retry_after_where_waiting_does_not_help(candidate: Make) -> None:
    after = DEFAULT_AFTER | {FailureKind.INVALID_REQUEST}
    play = Play(candidate("a"), candidate("b"), fallback=replace(FALLBACK, after=after))
    play.fails(1, FailureKind.INVALID_REQUEST)
    told = done(play.exchange, Failed(2, Failure(FailureKind.RATE_LIMITED, "in words", retry_after=30.0)), 1.0)
    assert told.failure is not None
    assert (told.failure.kind, told.failure.retry_after) == (FailureKind.INVALID_REQUEST, None)
