"""What passes from one attempt of an exchange to the next: what was sent, who had it and why that ended, what to mend.

Rule of this module: it is asked once an attempt is over. It decides how the next one is asked, never whether.
"""

from __future__ import annotations

from policyroute.decide.decision import Candidate
from policyroute.exchange.carrying import Carried, Carrying, Way
from policyroute.exchange.commands import Attempt, Checkpoint, Command, Handover, Persist
from policyroute.exchange.turns import Recourse
from policyroute.failures import Failure, FailureKind


class Takeover:
    """Of one exchange. `carrying` goes on with an answer that broke off, None where nobody may; `keeps`: somebody may
    look for what was done so far. `asked` is the last attempt, once there was one."""

    def __init__(self, carrying: Carrying | None, *, keeps: bool) -> None:
        self.carrying = carrying
        self._keeps = keeps
        self.asked: Attempt | None = None
        self._before: Attempt | None = None
        self._left: Handover | None = None  # by whom, asked or as good as that

    @property
    def possible(self) -> bool:
        """Whether anybody can go on with what was sent."""
        return self.carrying is not None and self.carrying.possible

    def ask(self, attempt: Attempt) -> Attempt:
        """This attempt is the next."""
        self._before, self.asked = self.asked, attempt
        return attempt

    def withdrawn(self) -> None:
        """It is none, after all."""
        self.asked = self._before

    def sent(self, raw: bytes) -> None:
        if self.carrying is not None:
            self.carrying.emitted(raw)

    def carried(self, candidate: Candidate) -> Carried | None:
        return self.carrying.carried(candidate) if self.carrying is not None else None

    def passed(self, candidate: Candidate, cause: FailureKind) -> None:
        """The candidate is as good as tried and failed."""
        self._left = self._left or Handover(candidate, cause)

    def handover(self, candidate: Candidate) -> Handover | None:
        """From whom the candidate, who is next, has the work, if from anybody."""
        asked = self.asked
        return asked.handover if asked is not None and asked.candidate is candidate else self._left

    def recourse(self, failure: Failure) -> Recourse:
        """What this failure of the last attempt is to lead to."""
        asked = self.asked
        if asked is None:
            return Recourse.USUAL
        self._left = Handover(asked.candidate, failure.kind)
        if asked.repair is not None and failure.kind is FailureKind.SCHEMA_INVALID:
            return Recourse.ELSEWHERE
        if asked.carried is None or failure.kind is not FailureKind.INVALID_REQUEST:
            return Recourse.USUAL
        if asked.carried.way is not Way.PREFILL or self.carrying is None:
            return Recourse.ELSEWHERE
        self.carrying.refused(asked.candidate)
        return Recourse.AGAIN

    def kept(self, following: Candidate | None, cause: str) -> list[Command]:
        """Have what was done so far kept, if anybody could look for it."""
        asked = self.asked
        if not self._keeps or asked is None:
            return []
        said = self.carrying.said.text if self.carrying is not None else ""
        return [Persist(asked.number, Checkpoint(cause, asked.candidate, following, said))]
