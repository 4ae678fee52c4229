"""The answer that the client gets, over all attempts at it: what is kept back, what is looked at before it is given.

Rule of this module: it knows no time and opens nothing. It is told what an attempt says, and says what of that goes out
and what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from policyroute.decide.answers import Answer
from policyroute.decide.decision import Candidate, Denial
from policyroute.decide.judging import Verdict
from policyroute.decide.resolved import DEFAULT_HOLD, ResolvedHold
from policyroute.events import Finished, FinishReason, StreamEvent
from policyroute.exchange.carrying import Carried, Carrying
from policyroute.exchange.commands import Emit, Received, Repair
from policyroute.exchange.heard import Heard
from policyroute.exchange.held import WHOLE_BYTES, Held, Holding
from policyroute.exchange.integrity import Demand, unfit
from policyroute.exchange.verdict import OUTCOMES, ending, shows
from policyroute.failures import Failure, FailureKind
from policyroute.policy.openings import Refusals
from policyroute.record import AttemptRecord, ExchangeRecord


@dataclass(frozen=True, slots=True)
class Review:
    """Whoever knows the rules: `of` is told who answered, and what, and says what is to be done. `words`: it wants the
    text too."""

    of: Callable[[Candidate, Answer], Verdict]
    words: bool = False


@dataclass(frozen=True, slots=True)
class Asks:
    """What is asked of an answer. `refusals` are how a text begins that refuses; `hold` is what is kept back until it
    is whole; `demand` the schema it has to fit; `review` sees one that is complete and would be given; `words`:
    somebody wants its text afterwards. `moderated`: whoever reads the provider says with a stream's end whether it may
    be given; `whole`: nothing of it is shown before."""

    refusals: Refusals | None = None
    review: Review | None = None
    hold: ResolvedHold = DEFAULT_HOLD
    demand: Demand | None = None
    words: bool = False
    moderated: bool = False
    whole: bool = False

    @property
    def text(self) -> bool:
        return self.words or self.demand is not None or (self.review is not None and self.review.words)


NOTHING_ASKED: Final = Asks()


class Told(NamedTuple):
    """What comes of an attempt's news: what goes out, what is wrong with it, or why its answer is not given."""

    emit: Emit | None = None
    failure: Failure | None = None
    denied: Denial | None = None


class Answering:
    """`after` is what the fallback goes on after; `carries`: another attempt may go on with an answer that was begun.

    `verdict` is what the review said.
    """

    def __init__(
        self, record: ExchangeRecord, asks: Asks, after: Collection[FailureKind], *, stream: bool, carries: bool
    ) -> None:
        self.verdict: Verdict | None = None
        self._repair: Repair | None = None
        self._record = record
        self._asks = asks
        self._after = after
        self._stream = stream
        self._carries = carries
        self._enforced = asks.demand is not None and FailureKind.SCHEMA_INVALID in after
        self._candidate: Candidate | None = None
        self._carried: Carried | None = None
        self._heard = Heard(asks.refusals, words=asks.text)
        self._held = Held(after, self._heard, Holding())

    def begin(self, candidate: Candidate, carried: Carried | None, *, worth: bool) -> None:
        """An attempt is opened. `worth`: somebody else could take over from it."""
        self._candidate, self._carried = candidate, carried
        self._repair = None
        self._heard = self._heard.anew(carried.text if carried is not None else None)
        hold, asks = self._asks.hold, self._asks
        committed = self._record.committed is not None
        checked = hold.schema and asks.demand is not None and (worth or self._enforced)
        holding = Holding(
            end=asks.review is not None or asks.moderated or (self._stream and self._carries),
            calls=self._stream and hold.tools and worth,
            all=self._stream and (checked or asks.whole) and not committed,
            strict=asks.whole,
            max_bytes=WHOLE_BYTES if asks.whole else hold.max_bytes,
        )
        self._held = Held(self._after, self._heard, holding)

    def over(self, carrying: Carrying, failure: Failure) -> bool:
        """Whether all was said of the answer but that it is over: one choice's end says nothing of another's. Where
        somebody is to see it first, nobody has."""
        held = self._held
        if self._asks.moderated or self._asks.review is not None:
            return False
        return held.ending and failure.kind not in OUTCOMES and carrying.said.begun | held.begun <= held.ended

    @property
    def busy(self) -> bool:
        """Whether more has to be done about a text than to pass it on."""
        return self._heard.listens or self._held.busy

    def is_words(self, got: Received) -> bool:
        return self._heard.words(got.events)

    def note(self, attempt: AttemptRecord, failure: Failure | None) -> None:
        self._heard.note(attempt, failure)

    def repair(self, candidate: Candidate) -> Repair | None:
        """What the candidate is to mend, if its own answer was the last and did not fit."""
        return self._repair if candidate is self._candidate else None

    def text(self) -> str | None:
        """Of the answer, where it was kept."""
        return self._heard.answer().text if self._asks.text else None

    def told(self, got: Received, attempt: AttemptRecord, now: float) -> Told:
        self._heard.add(got.events, end=got.end)
        if got.denied is not None:
            return Told(denied=got.denied)
        committed = self._record.committed is not None
        if not committed:
            found = self._held.before(got)
            failure = found if isinstance(found, Failure) else None
            if failure is None and self._held.shows and attempt.first_event is None:
                attempt.first_event = now
            emit = None
            if failure is not None or not found:
                return Told(failure=failure)
        else:
            emit, failure = self._held.after(got)
            if attempt.first_event is None and (got.said or any(map(shows, got.events))):
                attempt.first_event = now
            if failure is None and attempt.first_event is None:  # it goes on with what others said, and says nothing
                failure = ending(got.events, self._after)
                emit = emit if failure is None else None
        if got.end and failure is None:
            failure, denied = self._looked_at(attempt, committed=committed)
            if failure is not None or denied is not None:
                return Told(failure=failure, denied=denied)
        return Told(emit if committed else self._held.taken(got.id, first=True), failure)

    @property
    def last(self) -> list[StreamEvent]:
        """Why it ended and what it cost."""
        usage, carried = self._heard.usage, self._carried
        if usage is not None and carried is not None:
            usage = replace(usage, output=usage.output + carried.spent)
        return [*([usage] if usage is not None else []), Finished(self._heard.finish or FinishReason.STOP)]

    def rest(self, id: int) -> Emit:
        """What is held of an answer that lacks nothing but its end."""
        return self._held.taken(id)

    def _looked_at(self, attempt: AttemptRecord, *, committed: bool) -> tuple[Failure | None, Denial | None]:
        """What is wrong with an answer that is complete, and why it is not given."""
        demand, review = self._asks.demand, self._asks.review
        if demand is None and review is None:
            return None, None
        answer = self._heard.answer()
        if demand is not None:
            intact, valid, found = demand.measured(answer)
            self._record.schema_intact = attempt.schema_intact = intact
            self._record.schema_hash = demand.hash or None
            attempt.unchecked = valid is None
            if found is not None and self._enforced and not committed:
                self._repair = Repair(answer.text or "", found.message)
                return unfit(found), None
            answer = replace(answer, schema_valid=valid)
        if review is None or self._candidate is None:
            return None, None
        self.verdict = verdict = review.of(self._candidate, answer)
        self._record.fired = verdict.fired
        self._record.too_late = verdict.headers if self._stream and not verdict.denied else ()
        return None, verdict.denied
