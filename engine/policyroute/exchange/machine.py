"""Failover as a state machine: inputs and the time go in, commands come out.

Rule of this module: no I/O, no clock, no loop. At most one attempt is open; nothing reaches the client before the first
event that shows something; every path ends in exactly one `Done`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from policyroute.decide.decision import Candidate, Excluded, ResolvedFallback, ResolvedLimits
from policyroute.events import Broken, Finished, TextDelta, Usage
from policyroute.exchange.commands import (
    Attempt,
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
)
from policyroute.exchange.held import Held
from policyroute.exchange.turns import SpareKey, Turn, Turns
from policyroute.exchange.verdict import as_word, judge, shows, telling
from policyroute.failures import Failure, FailureKind
from policyroute.policy.openings import Refusals
from policyroute.record import AttemptRecord, ExchangeRecord, Skipped

Eligible = Callable[[Candidate, float], Excluded | Failure | None]
"""None: it may be asked. A failure is as good as tried and failed: nobody has to ask to know."""


def _no_spare_key(candidate: Candidate) -> bool:
    del candidate
    return False


class Exchange:
    """One request's way through its candidates.

    Call `start(now)` once, then `step(input, now)` with everything that happens; perform what they return, in order.
    `now` is seconds on any clock that never goes back. `eligible` is asked before every attempt, the first included:
    constraints hold on each hop. `spare_key` is asked where a key failed. `refusals` are looked for where the fallback
    goes on after one. Inputs of attempts that are over are ignored, as is everything after `Done`.
    """

    def __init__(  # noqa: PLR0913 - one name for each thing that decides what is done
        self,
        candidates: Sequence[Candidate],
        fallback: ResolvedFallback,
        limits: ResolvedLimits,
        *,
        stream: bool,
        eligible: Eligible,
        spare_key: SpareKey = _no_spare_key,
        refusals: Refusals | None = None,
    ) -> None:
        self.record = ExchangeRecord(started=0.0)
        self._candidates = candidates
        self._fallback = fallback
        self._limits = limits
        self._stream = stream
        self._eligible = eligible
        self._turns = Turns(candidates, fallback, spare_key)
        self._deadline = 0.0
        self._armed: float | None = None
        self._failures: list[tuple[Failure, float]] = []
        # At most one of these two is set: the attempt that is open, or the turn that is waited for.
        self._attempt: AttemptRecord | None = None
        self._waiting: Turn | None = None
        self._heard: float | None = None
        self._held = Held(refusals if FailureKind.REFUSED in fallback.after else None)

    @property
    def committed(self) -> bool:
        return self.record.committed is not None

    @property
    def done(self) -> bool:
        return self.record.ended is not None

    def start(self, now: float) -> list[Command]:
        self.record.started = now
        self._deadline = now + self._limits.total
        return self._open(0 if self._candidates else None, now)

    def step(self, given: Input, now: float) -> list[Command]:
        if isinstance(given, Received):
            return self._received(given, now)
        if self.done:
            return []
        if isinstance(given, Tick):
            return self._tick(given, now)
        if isinstance(given, Failed):
            attempt = self._attempt
            over = attempt is None or attempt.number != given.id
            return [] if over else self._broke(given.failure, now)
        if isinstance(given, HungUp | Cancelled):
            outcome = "client_closed" if isinstance(given, HungUp) else "cancelled"
            return [*self._cancel(), *self._finish(outcome, now)]
        return []

    def goes_on(self, got: Received, now: float) -> bool:
        """Whether this is only more text of an answer under way, to be passed on as it is. If not, `step` it."""
        attempt = self._attempt
        if got.end or self.record.committed is None or attempt is None or attempt.number != got.id:
            return False
        for event in got.events:
            if event.__class__ is not TextDelta:
                return False
        self._heard = now
        return True

    def _received(self, got: Received, now: float) -> list[Command]:
        attempt = self._attempt
        if attempt is None or attempt.number != got.id:
            return []
        first = self._heard is None
        self._heard = now
        if got.status is not None:
            attempt.status = got.status
        for event in got.events:
            if isinstance(event, Usage):
                attempt.input_tokens, attempt.output_tokens = event.input, event.output
            elif isinstance(event, Finished):
                attempt.finish = event.reason.value
        if self.record.committed is None:
            commands = self._before_commit(got, attempt, now)
        else:
            commands = self._after_commit(got, now)
        if first and not commands:
            commands = self._arm(now)
        return commands

    def _after_commit(self, got: Received, now: float) -> list[Command]:
        events = got.events
        commands: list[Command] = [Emit(got.id, events, got.raw)] if got.raw or events else []
        if events and isinstance(events[-1], Broken):
            return commands + self._cut(events[-1].failure, now, open_still=not got.end)
        if got.end:
            commands += self._finish("ok", now)
        return commands

    def _before_commit(self, got: Received, attempt: AttemptRecord, now: float) -> list[Command]:
        held = self._held
        held.add(got.events, got.raw, end=got.end)
        failure = judge(held.events, self._fallback.after, complete=got.end, refused=held.refused is True)
        if failure is not None:
            return self._cut(failure, now, open_still=not got.end)
        if attempt.first_event is None and any(shows(event) for event in got.events):
            attempt.first_event = now
        shown = attempt.first_event is not None
        if not got.end and (not shown or held.refused is None):
            if not held.full:
                return []
            if not shown:
                endless = Failure(FailureKind.STREAM_BROKEN, "the provider sent a great deal, but no answer")
                return self._cut(endless, now, open_still=True)
        self.record.committed = now
        commands: list[Command] = [Emit(got.id, tuple(held.events), held.raw, first=True)]
        held.clear()
        return commands + (self._finish("ok", now) if got.end else self._arm(now))

    def _tick(self, tick: Tick, now: float) -> list[Command]:
        self._armed = None
        if tick.backed_up and self._heard is not None:
            self._heard = now
        if now >= self._deadline:
            late = Failure(FailureKind.TIMEOUT_TOTAL, f"not answered within {self._limits.total:g} s")
            return self._cut(late, now, open_still=True)
        if self._waiting is not None:
            return self._open(self._waiting.place, now) if now >= self._waiting.at else self._arm(now)
        silence = self._silence(now)
        return self._arm(now) if silence is None else self._cut(silence, now, open_still=True)

    def _silence(self, now: float) -> Failure | None:
        attempt = self._attempt
        if attempt is None or now < self._due():
            return None
        if self._heard is not None and now >= self._heard + self._limits.idle:
            return Failure(FailureKind.TIMEOUT_IDLE, f"the provider fell silent for {self._limits.idle:g} s")
        return Failure(FailureKind.TIMEOUT_TTFT, f"no first token within {self._limits.ttft:g} s")

    def _due(self) -> float:
        """When something has to be done even if nothing happens."""
        if self._waiting is not None:
            return self._waiting.at
        due = self._deadline
        attempt = self._attempt
        if self._stream and attempt is not None:
            if self._heard is not None:
                due = min(due, self._heard + self._limits.idle)
            if attempt.first_event is None:
                due = min(due, attempt.opened + self._limits.ttft)
        return due

    def _arm(self, now: float) -> list[Command]:
        """Ask for a Tick, unless one is coming that is early enough: an idle timeout must not cost a timer a read."""
        due = max(self._due(), now)
        if self._armed is not None and self._armed <= due:
            return []
        self._armed = due
        return [Wake(due)]

    def _open(self, place: int | None, now: float) -> list[Command]:
        self._waiting = None
        while place is not None:
            candidate = self._candidates[place]
            out = self._eligible(candidate, now)
            if out is None:
                break
            place = self._pass_over(place, out, now)
        else:
            return self._give_up(now)
        self._note_passed(place)
        self._turns.taken(place)
        number = len(self.record.attempts) + 1
        self._attempt = AttemptRecord(number, candidate.target, candidate.provider.name, candidate.model, opened=now)
        self.record.attempts.append(self._attempt)
        connect = min(self._limits.connect, self._deadline - now)
        return [Open(number, Attempt(number, candidate, connect)), *self._arm(now)]

    def _pass_over(self, place: int, out: Excluded | Failure, now: float) -> int | None:
        """Who is next instead of the candidate at `place`."""
        candidate = self._candidates[place]
        code = out.code if isinstance(out, Excluded) else as_word(out.code) or out.kind.value
        self.record.skipped.append(Skipped(candidate.target, candidate.provider.name, code))
        if isinstance(out, Failure):
            self._failures.append((out, now))
            if not self._turns.goes_on(out):
                return None
        return self._turns.following(place)

    def _cut(self, failure: Failure, now: float, *, open_still: bool) -> list[Command]:
        """The machine itself finds the attempt failed."""
        return [*(self._cancel() if open_still else []), *self._broke(failure, now)]

    def _broke(self, failure: Failure, now: float) -> list[Command]:
        self._failures.append((failure, now))
        self._close_attempt(failure.kind.value, now, failure)
        if self.committed:
            return self._finish(failure.kind.value, now, failure)
        turn = self._turns.after(failure, now, self._deadline)
        if turn is None:
            return self._give_up(now)
        if turn.at <= now:
            return self._open(turn.place, now)
        self._waiting = turn
        return self._arm(now)

    def _note_passed(self, place: int) -> None:
        for passed, code in self._turns.passed(place):
            candidate = self._candidates[passed]
            self.record.skipped.append(Skipped(candidate.target, candidate.provider.name, code))

    def _give_up(self, now: float) -> list[Command]:
        self._note_passed(len(self._candidates))
        if not self._failures:
            nobody = Failure(FailureKind.UNAVAILABLE, "no candidate may be asked any more")
            self._failures.append((nobody, now))
        told = telling(self._failures, now)
        return self._finish(told.kind.value, now, told)

    def _finish(self, outcome: str, now: float, failure: Failure | None = None) -> list[Command]:
        self._close_attempt(outcome, now)
        self._waiting = None
        self.record.ended = now
        self.record.outcome = outcome
        return [Done(self.record, failure)]

    def _close_attempt(self, outcome: str, now: float, failure: Failure | None = None) -> None:
        attempt = self._attempt
        if attempt is None:
            return
        attempt.ended, attempt.outcome = now, outcome
        if failure is not None:
            attempt.status = failure.status if failure.status is not None else attempt.status
            attempt.retry_after, attempt.code = failure.retry_after, as_word(failure.code)
        self._attempt = self._heard = None
        self._held.clear()

    def _cancel(self) -> list[Command]:
        return [Cancel(self._attempt.number)] if self._attempt is not None else []
