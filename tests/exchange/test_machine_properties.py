"""What holds of every exchange, whatever happens in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute.decide.decision import Candidate, Denial, Excluded
from policyroute.decide.judging import Verdict
from policyroute.decide.resolved import ResolvedFallback, ResolvedHold, ResolvedLimits
from policyroute.events import Broken, Finished, FinishReason, Started, StreamEvent, TextDelta, ToolCallDelta, Usage
from policyroute.exchange.answering import Asks, Review
from policyroute.exchange.carrying import Carrying, Way, Ways
from policyroute.exchange.commands import (
    Acked,
    Cancel,
    Command,
    Done,
    Emit,
    Failed,
    HungUp,
    Input,
    Open,
    Persist,
    Received,
    Tick,
    Wake,
    Withheld,
)
from policyroute.exchange.integrity import Demand
from policyroute.exchange.machine import KEEPING, Exchange
from policyroute.exchange.verdict import NOT_FOR_ANY, shows
from policyroute.failures import Failure, FailureKind
from policyroute.integrity.validation import Invalid

KINDS = st.sampled_from(sorted(FailureKind))
FAILURES = st.builds(Failure, KINDS, st.just("in words"), retry_after=st.none() | st.floats(0, 100))
EVENTS: st.SearchStrategy[StreamEvent] = st.one_of(
    st.just(Started("id", "model")),
    st.just(Usage(1, 1)),
    st.builds(TextDelta, st.sampled_from(["", "text"])),
    st.just(ToolCallDelta(0, "call", "look", "{}")),
    st.builds(Finished, st.sampled_from(sorted(FinishReason))),
    st.builds(Broken, FAILURES),
)
IDS = st.integers(1, 5)
NO = Denial(403, "moderated", "No", None)
REFUSED = {"denied", "withheld", NOT_FOR_ANY}
INPUTS: st.SearchStrategy[Input] = st.one_of(
    st.builds(
        Received,
        IDS,
        st.lists(EVENTS, max_size=3),
        st.binary(max_size=3),
        st.sampled_from([False, False, False, True]),
    ),
    st.builds(Received, IDS, st.lists(EVENTS, max_size=3), st.binary(max_size=3), st.just(True), denied=st.just(NO)),
    st.builds(Failed, IDS, FAILURES),
    st.builds(
        Withheld,
        IDS,
        st.just(Excluded("t", "p", "clearance", None, "too much")),
        st.sampled_from([None, None, None, NO]),
    ),
    st.builds(Tick, st.booleans()),
    st.builds(Acked, IDS),
)
FALLBACKS = st.builds(
    ResolvedFallback,
    after=st.frozensets(KINDS),
    retries=st.integers(0, 3),
    max_swaps=st.integers(0, 4),
    max_attempts=st.integers(1, 5),
    swap_delay=st.sampled_from([0.0, 0.05, 1.0]),
)
LIMITS = st.builds(
    ResolvedLimits,
    connect=st.just(3.0),
    ttft=st.sampled_from([1.0, 20.0]),
    idle=st.sampled_from([1.0, 30.0]),
    total=st.sampled_from([0.5, 10.0, 100.0]),
)
STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.0, 0.1, 2.0]), INPUTS), max_size=30)


HOLDS = st.builds(ResolvedHold, tools=st.booleans(), schema=st.booleans(), max_bytes=st.sampled_from([0, 4, 1_000_000]))
DEMAND = Demand(lambda text: None if "t" in text else Invalid("$", "wrong", "type"), "hash", {})


class Nothing:
    """A writer that has nothing more to say."""

    def __init__(self, sent: bytes) -> None:
        self.lost: set[str] = set()

    def recall(self, event: dict[str, Any]) -> None:
        raise AssertionError

    def write(self, events: Iterable[StreamEvent]) -> bytes:
        return b""

    def end(self) -> bytes:
        return b"end"


def ways(candidate: Candidate) -> Way:
    return Way.PREFILL if candidate.target == "t1" else Way.INSTRUCT


def carrying(told: StreamEvent | None, ways: Ways | None) -> Carrying:
    """What was sent reads as this, whatever it is."""
    return Carrying(lambda sent: [told] if told is not None else [], Nothing, lambda: ways)


CARRYING: list[Callable[[], Carrying | None]] = [
    lambda: None,
    lambda: carrying(None, None),
    lambda: carrying(ToolCallDelta(0, "c", "n", "{}"), ways),
    lambda: carrying(TextDelta("text"), ways),
]


@dataclass
class Watch:
    """Checks each command as it comes."""

    exchange: Exchange
    max_attempts: int
    deadline: float
    opened: int | None = None
    opens: int = 0
    wake: float | None = None
    emitted: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    said: list[StreamEvent] = field(default_factory=list[StreamEvent])
    done: int = 0
    carries: bool = False
    kept: int | None = None
    """The token of what has to be kept before the next attempt, and when it need not any more."""
    kept_by: float = 0.0

    @property
    def looks_complete(self) -> bool:
        last = next((event for event in reversed(self.said) if shows(event) or isinstance(event, Finished)), None)
        return isinstance(last, Finished)

    def see(self, commands: list[Command], now: float) -> None:
        for command in commands:
            assert not self.done, "nothing comes after Done"
            match command:
                case Open(id=number, attempt=attempt):
                    assert self.opened is None, "two attempts at once"
                    assert now < self.deadline
                    assert number == attempt.number == self.opens + 1
                    assert attempt.connect <= self.deadline - now
                    self.opened, self.opens = number, number
                    assert self.opens <= self.max_attempts
                    assert self.carries or not self.emitted, "nobody else after commit"
                    assert (attempt.carried is not None) == bool(self.emitted)
                    assert self.kept is None or now >= self.kept_by, "not before it is kept"
                case Cancel(id=number):
                    assert number == self.opened
                    self.opened = None
                case Emit(id=number, raw=raw):
                    self.emitted.append((number, raw))
                    self.said += command.events
                case Wake(at=at):
                    assert now <= at <= max(now, self.deadline)
                    self.wake = at
                case Done(record=record, failure=failure, denied=denied):
                    self.done += 1
                    assert (failure is None) == (record.outcome in {"ok", "client_closed"} | REFUSED)
                    assert (denied is None) == (record.outcome not in REFUSED)
                    assert all(attempt.outcome != "open" for attempt in record.attempts)
                case Persist(token=token):
                    assert token == self.opens
                    self.kept, self.kept_by = token, now + KEEPING

    def step(self, given: Input, now: float) -> None:
        if isinstance(given, Failed | Received) and given.id == self.opened:
            over = isinstance(given, Failed) or given.end
            self.opened = None if over else self.opened
        if isinstance(given, Withheld) and given.id == self.opened:
            self.opened, self.opens = None, self.opens - 1
        if isinstance(given, Acked) and given.token == self.kept:
            self.kept = None
        short = deepcopy(self.exchange)
        goes_on = isinstance(given, Received) and short.goes_on(given, now)
        commands = self.exchange.step(given, now)
        self.see(commands, now)
        if goes_on and isinstance(given, Received):
            assert commands == ([Emit(given.id, given.events, given.raw)] if given.events or given.raw else [])
            assert short.record == self.exchange.record
            assert short.step(Tick(), now + 1.0) == deepcopy(self.exchange).step(Tick(), now + 1.0)
        if not self.done:
            attempts = self.exchange.record.attempts
            assert len(attempts) == self.opens
            assert (self.opened is None) == (attempts[-1].ended is not None)
            assert self.wake is not None, "it must be woken some day"


@settings(max_examples=400, deadline=None)
@given(data=st.data(), fallback=FALLBACKS, limits=LIMITS, steps=STEPS)
def test_every_exchange_ends_once_and_keeps_its_limits(
    candidate: Callable[..., Candidate],
    data: st.DataObject,
    fallback: ResolvedFallback,
    limits: ResolvedLimits,
    steps: list[tuple[float, Input]],
) -> None:
    windows = data.draw(st.lists(st.sampled_from([None, 1000, 2000]), max_size=4))
    candidates = [candidate(f"t{n}", f"p{n % 3}", window) for n, window in enumerate(windows)]

    def eligible(asked: Candidate, now: float) -> Excluded | None:
        out = data.draw(st.sampled_from([False, False, False, True]))
        return Excluded(asked.target, asked.provider.name, "require", None, "") if out else None

    denial = data.draw(st.sampled_from([None, Denial(403, "no", "No", "rule")]))
    review = data.draw(st.sampled_from([None, Review(lambda _candidate, _answer: Verdict(denied=denial))]))
    asks = Asks(review=review, hold=data.draw(HOLDS), demand=data.draw(st.sampled_from([None, DEMAND])))
    going_on = data.draw(st.sampled_from(CARRYING))()
    stream = data.draw(st.booleans())
    exchange = Exchange(
        candidates,
        fallback,
        limits,
        stream=stream,
        eligible=eligible,
        asks=asks,
        carrying=going_on if stream else None,
        keeps=data.draw(st.booleans()),
    )
    now = 100.0
    watch = Watch(exchange, fallback.max_attempts, now + limits.total, carries=stream and going_on is not None)
    raw: dict[int, bytes] = {}
    watch.see(exchange.start(now), now)
    for later, given_ in steps:
        now += later
        if isinstance(given_, Received) and given_.id == watch.opened:
            raw[given_.id] = raw.get(given_.id, b"") + given_.raw
        watch.step(given_, now)
    if data.draw(st.booleans()):
        watch.step(HungUp(), now)
    for _ in range(100):
        if watch.done:
            break
        assert watch.wake is not None
        now, watch.wake = max(now, watch.wake), None
        watch.step(Tick(), now)
    assert watch.done == 1
    if review is not None and (denial is not None or exchange.record.outcome != "ok"):
        assert exchange.record.outcome != "ok"
        assert not watch.looks_complete
    assert now <= max(watch.deadline, 100.0 + sum(later for later, _ in steps))
    watch.step(Tick(), now + 1000)
    speakers = {number for number, _ in watch.emitted}
    assert watch.carries or len(speakers) <= 1, "the client hears one provider"
    assert (exchange.record.committed is not None) == bool(watch.emitted)
    for speaker in speakers:
        told = b"".join(part for number, part in watch.emitted if number == speaker)
        ended = watch.carries and told.endswith(b"end")
        assert raw[speaker].startswith(told.removesuffix(b"end") if ended else told)
        assert raw[speaker] == told or ended or speaker != max(speakers) or exchange.record.outcome != "ok"
