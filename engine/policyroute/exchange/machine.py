"""Failover as a state machine: inputs and the time go in, commands come out.

Rule of this module: no I/O, no clock, no loop. At most one attempt is open; nothing reaches the client before the first
event that shows something; every path ends in exactly one `Done`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policyroute.decide.decision import Candidate, Denial, Excluded
from policyroute.decide.judging import Verdict
from policyroute.decide.resolved import ResolvedFallback, ResolvedLimits
from policyroute.exchange.answering import NOTHING_ASKED, Answering, Asks
from policyroute.exchange.carrying import Carrying
from policyroute.exchange.commands import (
    Acked,
    Attempt,
    Cancel,
    Command,
    Done,
    Failed,
    HungUp,
    Input,
    Open,
    Received,
    Tick,
    Wake,
    Withheld,
)
from policyroute.exchange.patience import Patience
from policyroute.exchange.takeover import Takeover
from policyroute.exchange.turns import SHORT_WAIT, Arrange, Eligible, Ended, SpareKey, Turn, Turns
from policyroute.exchange.verdict import NOBODY_LEFT, NOT_FOR_ANY, Floored, as_word, nobody, telling, under_floor
from policyroute.failures import Failure
from policyroute.record import AttemptRecord, ExchangeRecord, Skipped

KEEPING: Final = 1.0
"""Seconds that an exchange waits until what it stands at is kept. Then it goes on all the same."""


class Exchange:
    """One request's way through its candidates.

    Call `start(now)` once, then `step(input, now)` with everything that happens; perform what they return, in order.
    `now` is seconds on any clock that never goes back. `eligible` is asked before every attempt, the first included:
    constraints hold on each hop. `ended` is told of each attempt's end, before that. `spare_key` is asked where a key
    failed. `asks` is what is asked of the answer. `carrying` goes on with an answer that broke off, None where nobody
    may. `keeps`: what there is to take over is kept before anybody does. `floored` is asked where nobody is left,
    `arrange` who is next. `max_wait`: seconds for the pinned one. Inputs of attempts that are over are ignored.
    """

    def __init__(  # noqa: PLR0913 - one name for each thing that decides what is done
        self,
        candidates: Sequence[Candidate],
        fallback: ResolvedFallback,
        limits: ResolvedLimits,
        *,
        stream: bool,
        eligible: Eligible,
        spare_key: SpareKey = lambda _candidate: False,
        ended: Ended = lambda _outcome, _failure, _ttft: None,
        asks: Asks = NOTHING_ASKED,
        carrying: Carrying | None = None,
        keeps: bool = False,
        max_wait: float = SHORT_WAIT,
        floored: Floored = lambda: None,
        arrange: Arrange | None = None,
    ) -> None:
        self.record = ExchangeRecord(started=0.0)
        self._eligible = eligible
        self._ended = ended
        self._takeover = Takeover(carrying, keeps=keeps)
        self._turns = Turns(candidates, fallback, spare_key, max_wait, arrange)
        self._floored = floored
        self._patience = Patience(limits, stream=stream)
        self._answer = Answering(self.record, asks, fallback.after, stream=stream, carries=carrying is not None)
        self._armed: float | None = None
        self._failures: list[tuple[Failure, float]] = []
        self._withheld: list[Excluded] = []
        self._attempt: AttemptRecord | None = None  # open; else, maybe, a turn is waited for
        self._waiting: Turn | None = None
        self._kept_by: float | None = None  # as long as what was done so far is not kept yet
        self._plain = False  # text that follows need only be passed on

    @property
    def committed(self) -> bool:
        return self.record.committed is not None

    @property
    def done(self) -> bool:
        return self.record.ended is not None

    @property
    def verdict(self) -> Verdict | None:
        """What the rules made of the whole answer, where they were asked."""
        return self._answer.verdict

    @property
    def text(self) -> str | None:
        return self._answer.text()

    def start(self, now: float) -> list[Command]:
        self.record.started = now
        self._patience.begin(now)
        return self._open(self._turns.following(-1), now)

    def step(self, given: Input, now: float) -> list[Command]:
        if isinstance(given, Received):
            return self._received(given, now)
        if self.done:
            return []
        if isinstance(given, Tick):
            return self._tick(given, now)
        if isinstance(given, Failed | Withheld):
            return self._unanswered(given, now)
        if isinstance(given, Acked):
            return self._acked(given, now)
        outcome = "client_closed" if isinstance(given, HungUp) else "cancelled"
        # Nobody waits for the rest of an answer that was begun.
        left = self._takeover.kept(None, outcome) if self.committed and self._attempt is not None else []
        return [*self._cancel(), *left, *self._finish(outcome, now)]

    def _unanswered(self, given: Failed | Withheld, now: float) -> list[Command]:
        if self._attempt is None or self._attempt.number != given.id:
            return []
        return self._broke(given.failure, now) if isinstance(given, Failed) else self._withdraw(given, now)

    def goes_on(self, got: Received, now: float) -> bool:
        """Whether this is only more text of an answer under way, to be passed on as it is. If not, `step` it."""
        attempt = self._attempt
        if got.end or not self._plain or attempt is None or attempt.number != got.id or not self._answer.is_words(got):
            return False
        self._patience.heard = now
        self._takeover.sent(got.raw)
        return True

    def _received(self, got: Received, now: float) -> list[Command]:
        attempt = self._attempt
        if attempt is None or attempt.number != got.id:
            return []
        first = self._patience.heard is None
        self._patience.heard = now
        attempt.status = attempt.status if got.status is None else got.status
        emit, failure, denied = self._answer.told(got, attempt, now)
        commands: list[Command] = [emit] if emit is not None else []
        if emit is not None:
            if self.record.committed is None:
                self.record.committed = now
                first = True
            self._takeover.sent(emit.raw)
        if failure is not None:
            commands += self._cut(failure, now, open_still=not got.end)
        elif denied is not None:
            # The provider has done what it was asked; what comes of it is ours.
            commands += self._finish("denied", now, denied=denied)
        elif got.end:
            commands += self._finish("ok", now)
        elif first:
            commands += self._arm(now)
        self._plain = self.committed and not self._answer.busy
        return commands

    def _tick(self, tick: Tick, now: float) -> list[Command]:
        self._armed = None
        if tick.backed_up and self._patience.heard is not None:
            self._patience.heard = now
        return self._go_on(now)

    def _acked(self, acked: Acked, now: float) -> list[Command]:
        if acked.token != len(self.record.attempts):
            return []
        self._kept_by = None
        return self._go_on(now)

    def _go_on(self, now: float) -> list[Command]:
        """Open what is waited for, if it is time and not too late."""
        late = self._patience.exhausted(self._attempt, now)
        if late is not None:
            return self._cut(late, now, open_still=True)
        if self._waiting is not None and now >= self._due(self._waiting):
            return self._open(self._waiting.place, now)
        return self._arm(now)

    def _due(self, waiting: Turn) -> float:
        return waiting.at if self._kept_by is None else max(waiting.at, self._kept_by)

    def _arm(self, now: float) -> list[Command]:
        """Ask for a Tick, unless one is coming that is early enough: an idle timeout must not cost a timer a read."""
        due = max(self._due(self._waiting) if self._waiting is not None else self._patience.due(self._attempt), now)
        if self._armed is not None and self._armed <= due:
            return []
        self._armed = due
        return [Wake(due)]

    def _open(self, place: int | None, now: float) -> list[Command]:
        self._waiting = None
        while place is not None:
            candidate = self._turns.candidates[place]
            out = self._eligible(candidate, now)
            if out is None:
                break
            self._waiting = self._turns.sits_out(place, out, now, self._patience.deadline)
            if self._waiting is not None:
                return self._arm(now)
            place = self._pass_over(place, out, now)
        else:
            return self._give_up(now)
        carried = self._takeover.carried(candidate) if self.committed else None
        if self.committed and carried is None:
            return self._give_up(now)
        self.record.skipped += self._turns.passed(place)
        self._turns.taken(place)
        number, connect = len(self.record.attempts) + 1, self._patience.connect(now)
        handover, repair = self._takeover.handover(candidate), self._answer.repair(candidate)
        asked = self._takeover.ask(Attempt(number, candidate, connect, carried, handover, repair))
        self._answer.begin(candidate, carried, worth=self._turns.could_go_on)
        self._attempt = AttemptRecord(number, candidate.target, candidate.provider.name, candidate.model, now)
        self._attempt.carried = carried.way.value if carried is not None else None
        self.record.attempts.append(self._attempt)
        return [Open(number, asked), *self._arm(now)]

    def _withdraw(self, given: Withheld, now: float) -> list[Command]:
        """The attempt was not made, and so is none: the next candidate's turn, if anybody's."""
        self._ended("withheld", None, None)
        self.record.attempts.pop()
        self._attempt = self._patience.heard = None
        self._withheld.append(given.reason)
        self._takeover.withdrawn()
        place = self._pass_over(self._turns.withdrawn(), given.reason, now)
        if given.denied is not None:
            return self._finish("withheld", now, denied=given.denied)
        self._waiting = Turn(place, now) if place is not None else None
        return self._go_on(now) if self._waiting is not None else self._give_up(now)

    def _pass_over(self, place: int, out: Excluded | Failure, now: float) -> int | None:
        """Who is next instead of the candidate at `place`."""
        candidate = self._turns.candidates[place]
        code = out.code if isinstance(out, Excluded) else as_word(out.code) or out.kind.value
        self.record.skipped.append(Skipped(candidate.target, candidate.provider.name, code))
        if isinstance(out, Failure):
            self._failures.append((out, now))
            self._takeover.passed(candidate, out.kind)
            if not self._turns.goes_on(out):
                return None
        return self._turns.following(place)

    def _cut(self, failure: Failure, now: float, *, open_still: bool) -> list[Command]:
        """The machine itself finds the attempt failed."""
        return [*(self._cancel() if open_still else []), *self._broke(failure, now)]

    def _broke(self, failure: Failure, now: float) -> list[Command]:
        self._failures.append((failure, now))
        carrying, attempt = self._takeover.carrying, self._attempt
        if self.committed and carrying is not None and attempt is not None and self._answer.over(carrying, failure):
            rest = self._answer.rest(attempt.number)
            rest.raw += carrying.ending(rest.raw, self._answer.last)
            return [rest, *self._finish("ok", now)]
        self._close_attempt(failure.kind.value, now, failure)
        if self.committed and not self._takeover.possible:
            return self._give_up(now)
        turn = self._turns.after(failure, now, self._patience.deadline, self._takeover.recourse(failure))
        if turn is None:
            return self._give_up(now)
        self._waiting = turn
        kept = self._takeover.kept(self._turns.candidates[turn.place], failure.kind.value)
        if kept:
            self._kept_by = min(now + KEEPING, self._patience.deadline)
        return kept + self._go_on(now)

    def _give_up(self, now: float) -> list[Command]:
        self.record.skipped += self._turns.passed(len(self._turns.candidates))
        if not self._failures and self._withheld:
            return self._finish(NOT_FOR_ANY, now, denied=nobody(self._withheld))
        if not self._failures:
            return self._finish(NOBODY_LEFT.kind.value, now, NOBODY_LEFT)
        told = telling(self._failures, now)
        if (self._takeover.possible or not self.committed) and self._turns.wants_others(self._failures[-1][0]):
            told = under_floor(told, self._floored())
        return self._finish(told.kind.value, now, told)

    def _finish(
        self, outcome: str, now: float, failure: Failure | None = None, denied: Denial | None = None
    ) -> list[Command]:
        self._close_attempt("ok" if denied is not None else outcome, now)
        self._waiting = self._kept_by = None
        self.record.ended, self.record.outcome = now, outcome
        return [Done(self.record, failure, denied)]

    def _close_attempt(self, outcome: str, now: float, failure: Failure | None = None) -> None:
        if (attempt := self._attempt) is None:
            return
        attempt.ended, attempt.outcome = now, outcome
        self._answer.note(attempt, failure)
        self._ended(outcome, failure, attempt.ttft)
        self._attempt = self._patience.heard = None

    def _cancel(self) -> list[Command]:
        return [Cancel(self._attempt.number)] if self._attempt is not None else []
