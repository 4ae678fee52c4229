"""How long an exchange waits: for a turn, for the first of an attempt's answer, for more of it, for all of it.

Rule of this module: arithmetic on times. Silence counts in streams only: a whole answer comes when it is whole.
"""

from __future__ import annotations

from policyroute.decide.resolved import ResolvedLimits
from policyroute.failures import Failure, FailureKind
from policyroute.record import AttemptRecord


class Patience:
    """`heard` is when the open attempt last said anything, None where it has not yet."""

    def __init__(self, limits: ResolvedLimits, *, stream: bool) -> None:
        self._limits = limits
        self._stream = stream
        self.deadline = 0.0
        self.heard: float | None = None

    def begin(self, now: float) -> None:
        self.deadline = now + self._limits.total

    def connect(self, now: float) -> float:
        """Seconds that a connection may take."""
        return min(self._limits.connect, self.deadline - now)

    def due(self, attempt: AttemptRecord | None) -> float:
        """When something has to be done even if nothing happens."""
        due = self.deadline
        if self._stream and attempt is not None:
            if self.heard is not None:
                due = min(due, self.heard + self._limits.idle)
            if attempt.first_event is None:
                due = min(due, attempt.opened + self._limits.ttft)
        return due

    def exhausted(self, attempt: AttemptRecord | None, now: float) -> Failure | None:
        """What has taken too long, if anything has."""
        limits = self._limits
        if now >= self.deadline:
            return Failure(FailureKind.TIMEOUT_TOTAL, f"not answered within {limits.total:g} s")
        if attempt is None or now < self.due(attempt):
            return None
        if self.heard is not None and now >= self.heard + limits.idle:
            return Failure(FailureKind.TIMEOUT_IDLE, f"the provider fell silent for {limits.idle:g} s")
        return Failure(FailureKind.TIMEOUT_TTFT, f"no first token within {limits.ttft:g} s")
