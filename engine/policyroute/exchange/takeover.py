"""What passes from one attempt of an exchange to the next: what was sent, who had it and why that ended, what to mend.

Rule of this module: it is asked once an attempt is over. It decides how the next one is asked, never whether.
"""

from __future__ import annotations

from policyroute.decide.decision import Candidate
from policyroute.exchange.carrying import Carried, Carrying, Way
from policyroute.exchange.commands import Attempt, Checkpoint, Command, Handover, Persist, Repair
from policyroute.exchange.turns import Course
from policyroute.failures import Failure, FailureKind


class Takeover:
    """Of one exchange. `carrying` goes on with an answer that broke off, None where nobody may; `keeps`: somebody may
    look for what was done so far."""

    def __init__(self, carrying: Carrying | None, *, keeps: bool) -> None:
        self.carrying = carrying
        self._keeps = keeps
        self._asked: Attempt | None = None  # last
        self._cause: FailureKind | None = None  # of its end
        self._passed: Handover | None = None  # who would have been asked

    @property
    def possible(self) -> bool:
        """Whether anybody can go on with what was sent."""
        return self.carrying is not None and self.carrying.possible

    def sent(self, raw: bytes) -> None:
        if self.carrying is not None:
            self.carrying.emitted(raw)

    def carried(self, candidate: Candidate) -> Carried | None:
        return self.carrying.carried(candidate) if self.carrying is not None else None

    def passed(self, candidate: Candidate, cause: FailureKind) -> None:
        """The candidate is as good as tried and failed."""
        self._passed = self._passed or Handover(candidate, cause)

    def attempt(
        self,
        number: int,
        candidate: Candidate,
        connect: float,
        carried: Carried | None,
        repair: Repair | None,
    ) -> Attempt:
        """The next one. `repair` is of the last answer."""
        last, handover = self._asked, self._passed
        if last is not None:
            handover = last.handover
            if last.candidate is not candidate:
                repair = None
                handover = Handover(last.candidate, self._cause) if self._cause is not None else handover
        self._asked = Attempt(number, candidate, connect, carried, handover, repair)
        return self._asked

    def course(self, failure: Failure) -> Course:
        """What this failure of the last attempt is to lead to."""
        asked, self._cause = self._asked, failure.kind
        if asked is not None and asked.repair is not None and failure.kind is FailureKind.SCHEMA_INVALID:
            return Course.ELSEWHERE
        if asked is None or asked.carried is None or failure.kind is not FailureKind.INVALID_REQUEST:
            return Course.USUAL
        if asked.carried.way is not Way.PREFILL or self.carrying is None:
            return Course.ELSEWHERE
        self.carrying.refused(asked.candidate)
        return Course.AGAIN

    def kept(self, following: Candidate | None, cause: str) -> list[Command]:
        """Have what was done so far kept, if anybody could look for it."""
        asked = self._asked
        if not self._keeps or asked is None:
            return []
        said = self.carrying.said.text if self.carrying is not None else ""
        return [Persist(asked.number, Checkpoint(asked.number, cause, asked.candidate, following, said))]
