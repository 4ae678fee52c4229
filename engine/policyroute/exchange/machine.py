"""Failover as a state machine: inputs and the time go in, commands come out.

Rule of this module: no I/O, no clock, no loop. At most one attempt is open; nothing reaches the client before the first
event that shows something; every path ends in exactly one `Done`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from policyroute.decide.decision import Candidate, Denial, Excluded, ResolvedFallback, ResolvedLimits
from policyroute.decide.judging import Verdict
from policyroute.events import TextDelta
from policyroute.exchange.commands import (
    Attempt,
    Cancel,
    Cancelled,
    Command,
    Done,
    Failed,
    HungUp,
    Input,
    Open,
    Received,
    Tick,
    Wake,
)
from policyroute.exchange.heard import Heard
from policyroute.exchange.held import Held
from policyroute.exchange.patience import Patience
from policyroute.exchange.review import Review
from policyroute.exchange.turns import SpareKey, Turn, Turns
from policyroute.exchange.verdict import as_word, telling
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
    constraints hold on each hop. `spare_key` is asked where a key failed. `refusals` are how a text begins that
    refuses. `review` is asked of an answer that is complete and would be given; `verdict` is what it said. Inputs of
    attempts that are over are ignored, as is everything after `Done`.
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
        review: Review | None = None,
    ) -> None:
        self.record = ExchangeRecord(started=0.0)
        self.verdict: Verdict | None = None
        self._candidates = candidates
        self._stream = stream
        self._eligible = eligible
        self._review = review
        self._turns = Turns(candidates, fallback, spare_key)
        self._patience = Patience(limits, stream=stream)
        self._armed: float | None = None
        self._failures: list[tuple[Failure, float]] = []
        # At most one of these two is set: the attempt that is open, or the turn that is waited for.
        self._attempt: AttemptRecord | None = None
        self._waiting: Turn | None = None
        self._place = 0  # of the candidate that is or was asked last
        self._heard = Heard(refusals, words=review is not None and review.words)
        self._held = Held(fallback.after, self._heard, reviewed=review is not None)
        self._plain = False  # text that follows need only be passed on

    @property
    def committed(self) -> bool:
        return self.record.committed is not None

    @property
    def done(self) -> bool:
        return self.record.ended is not None

    def start(self, now: float) -> list[Command]:
        self.record.started = now
        self._patience.begin(now)
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
        if got.end or not self._plain or attempt is None or attempt.number != got.id:
            return False
        for event in got.events:
            if event.__class__ is not TextDelta:
                return False
        self._patience.heard = now
        return True

    def _received(self, got: Received, now: float) -> list[Command]:
        attempt = self._attempt
        if attempt is None or attempt.number != got.id:
            return []
        first = self._patience.heard is None
        self._patience.heard = now
        if got.status is not None:
            attempt.status = got.status
        self._heard.add(got.events, end=got.end)
        if self.record.committed is None:
            commands = self._before_commit(got, attempt, now)
        else:
            commands = self._after_commit(got, now)
        if first and not commands:
            commands = self._arm(now)
        self._plain = self.record.committed is not None and not (self._heard.listens or self._held.ending)
        return commands

    def _before_commit(self, got: Received, attempt: AttemptRecord, now: float) -> list[Command]:
        found = self._held.before(got)
        if isinstance(found, Failure):
            return self._cut(found, now, open_still=not got.end)
        if self._held.shows and attempt.first_event is None:
            attempt.first_event = now
        if not found:
            return []
        if got.end and (denied := self._denied()):
            return self._deny(denied, now)
        self.record.committed = now
        commands: list[Command] = [self._held.taken(got.id, first=True)]
        return commands + (self._finish("ok", now) if got.end else self._arm(now))

    def _after_commit(self, got: Received, now: float) -> list[Command]:
        emit, failure = self._held.after(got)
        if failure is None and got.end and (denied := self._denied()):
            return self._deny(denied, now)
        commands: list[Command] = [emit] if emit is not None else []
        if failure is not None:
            return commands + self._cut(failure, now, open_still=not got.end)
        if got.end:
            commands += self._finish("ok", now)
        return commands

    def _denied(self) -> Denial | None:
        """Why the answer, which is complete, is not given."""
        if self._review is None:
            return None
        self.verdict = verdict = self._review.of(self._candidates[self._place], self._heard.answer())
        self.record.fired = verdict.fired
        self.record.too_late = verdict.headers if self._stream and not verdict.denied else ()
        return verdict.denied

    def _deny(self, denied: Denial, now: float) -> list[Command]:
        """The provider has done what it was asked; what comes of it is ours."""
        self._close_attempt("ok", now)
        return self._finish("denied", now, denied=denied)

    def _tick(self, tick: Tick, now: float) -> list[Command]:
        self._armed = None
        if tick.backed_up and self._patience.heard is not None:
            self._patience.heard = now
        late = self._patience.exhausted(self._attempt, now)
        if late is not None:
            return self._cut(late, now, open_still=True)
        if self._waiting is not None and now >= self._waiting.at:
            return self._open(self._waiting.place, now)
        return self._arm(now)

    def _arm(self, now: float) -> list[Command]:
        """Ask for a Tick, unless one is coming that is early enough: an idle timeout must not cost a timer a read."""
        due = max(self._waiting.at if self._waiting is not None else self._patience.due(self._attempt), now)
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
        self.record.skipped += self._turns.passed(place)
        self._turns.taken(place)
        self._place = place
        number = len(self.record.attempts) + 1
        if number > 1:
            self._heard = self._heard.anew()
            self._held = self._held.anew(self._heard)
        self._attempt = AttemptRecord(number, candidate.target, candidate.provider.name, candidate.model, opened=now)
        self.record.attempts.append(self._attempt)
        return [Open(number, Attempt(number, candidate, self._patience.connect(now))), *self._arm(now)]

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
        turn = self._turns.after(failure, now, self._patience.deadline)
        if turn is None:
            return self._give_up(now)
        if turn.at <= now:
            return self._open(turn.place, now)
        self._waiting = turn
        return self._arm(now)

    def _give_up(self, now: float) -> list[Command]:
        self.record.skipped += self._turns.passed(len(self._candidates))
        if not self._failures:
            nobody = Failure(FailureKind.UNAVAILABLE, "no candidate may be asked any more")
            self._failures.append((nobody, now))
        told = telling(self._failures, now)
        return self._finish(told.kind.value, now, told)

    def _finish(
        self, outcome: str, now: float, failure: Failure | None = None, denied: Denial | None = None
    ) -> list[Command]:
        self._close_attempt(outcome, now)
        self._waiting = None
        self.record.ended = now
        self.record.outcome = outcome
        return [Done(self.record, failure, denied)]

    def _close_attempt(self, outcome: str, now: float, failure: Failure | None = None) -> None:
        attempt = self._attempt
        if attempt is None:
            return
        attempt.ended, attempt.outcome = now, outcome
        self._heard.note(attempt, failure)
        self._attempt = self._patience.heard = None

    def _cancel(self) -> list[Command]:
        return [Cancel(self._attempt.number)] if self._attempt is not None else []
