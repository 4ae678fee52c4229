"""A circuit breaker: what a place has lately done, and whether it is asked as ever, not at all, or by one at a time.

Rule of this module: one place's circuit. What began before it opened is no news of how it is after, and what fails
while it is open is none at all, until one is let through. `until` never moves back.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from zlib import crc32

from policyroute.failures import FailureKind

BUCKET, BUCKETS = 5.0, 12
WINDOW: Final = BUCKET * BUCKETS
"""Seconds that an attempt counts for, in buckets that are forgotten one by one."""
SAMPLES: Final = 8
"""Attempts in the window that a rate is worth something from."""
FAILING: Final = 0.5
"""The share of them that opens when it has failed."""
ROW: Final = 5
"""Failures one after the other that open, however few they are."""
SLOW: Final = 5.0
"""Seconds that a first token may always take."""
SLOWER: Final = 4.0
"""How many times as long as usual it may take, if that is more."""
SLOW_SHARE: Final = 0.8
"""The share of first tokens that opens when they take longer."""
LEARNT: Final = 20
"""First tokens that tell what is usual: their longest. Nothing is slow before."""
OPEN, OPEN_LONGEST, SPREAD = 15.0, 300.0, 0.2
"""Seconds that it is open: doubled from the one to the other, more or less by this share."""
PROBE_EVERY: Final = 30.0
"""Seconds after which one is let through though it is open for longer."""
CLOSES: Final = 2
"""Answers that close it."""

_RISE, _FALL = 1.019, 0.999
"""Where 95 of 100 first tokens are below it, what is usual stays where it is."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit:
    """Times are seconds on one clock that never goes back. `until`: when it is open no more; `probe`: when the next
    attempt is let through; both 0.0 while it is closed. `kind` is what it opened for."""

    __slots__ = (
        "_answers",
        "_counts",
        "_due",
        "_first",
        "_held",
        "_ill",
        "_opened",
        "_row",
        "_seed",
        "_seen",
        "_times",
        "kind",
        "probe",
        "until",
    )

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed  # of how much longer or shorter it is open than others
        self._counts = [[-1, 0, 0, 0, 0] for _ in range(BUCKETS)]  # which one; attempts, failed; first tokens, slow
        self._row = 0
        self._ill = -WINDOW  # when one failed last
        self._times = 0  # that it has opened since it was closed
        self._answers = 0  # since it opened
        self._opened = 0.0
        self._due = 0.0  # since when those that begin tell whether it is still ill
        self._held = False  # one was let through, and nothing is known of it yet
        self._first = 0.0  # the usual longest wait for a first token
        self._seen = 0
        self.until = 0.0
        self.probe = 0.0
        self.kind = FailureKind.UNAVAILABLE

    @property
    def closed(self) -> bool:
        return self._times == 0

    @property
    def opened(self) -> float:
        """When it opened last; 0.0 while it is closed."""
        return self._opened

    def counted(self, since: float, now: float) -> tuple[int, int]:
        """Attempts, and failed ones, in the buckets that began after `since`, which is within the window."""
        oldest, newest = int(since / BUCKET), int(now / BUCKET)
        kept = [bucket for bucket in self._counts if oldest < bucket[0] <= newest]
        return sum(bucket[1] for bucket in kept), sum(bucket[2] for bucket in kept)

    def state(self, now: float) -> State:
        if self.closed:
            return State.CLOSED
        return State.HALF_OPEN if self._answers or self.until <= now else State.OPEN

    def error_rate(self, now: float) -> float:
        """The share of the window's attempts that failed; 0.0 where there were none."""
        if self._ill <= now - WINDOW:
            return 0.0
        made, failed, _, _ = self._sums(now)
        return failed / made if made else 0.0

    def admitted(self, now: float) -> bool:
        """An attempt goes there. Whether it is the one that is let through: the others wait for what it finds."""
        if self.closed or self.probe > now:
            return False
        self.probe, self._held = now + PROBE_EVERY, True
        return True

    def left(self, now: float) -> None:
        """The one that was let through has an answer that begins, or is over: if nothing came of it, another may go."""
        if self._held:
            self.probe, self._held = now, False

    def failed(self, kind: FailureKind, began: float, now: float) -> None:
        bucket = self._bucket(now)
        bucket[1] += 1
        bucket[2] += 1
        self._row += 1
        self._ill = now
        if not self.closed:
            if began >= self._due:
                self._open(kind, now)
            return
        made, failed, _, _ = self._sums(now)
        if self._row >= ROW or (made >= SAMPLES and failed >= FAILING * made):
            self._open(kind, now)

    def succeeded(self, first: float | None, began: float, now: float) -> None:
        """`first`: after how many seconds a stream's first token came; None of an answer that was no stream."""
        bucket = self._bucket(now)
        bucket[1] += 1
        self._row = 0
        slow = first is not None and self._is_slow(first)
        bucket[3] += first is not None
        bucket[4] += slow
        if self.closed:
            if slow and self._is_mostly_slow(now):
                self._open(FailureKind.TIMEOUT_TTFT, now)
        elif began > self._opened:
            if not slow:
                self._answered(now)
            elif began >= self._due:
                self._open(FailureKind.TIMEOUT_TTFT, now)

    def _answered(self, now: float) -> None:
        self._answers += 1
        self.probe, self._held = now, False
        if self._answers >= CLOSES:
            self._close()

    def _is_mostly_slow(self, now: float) -> bool:
        _, _, firsts, slow = self._sums(now)
        return firsts >= SAMPLES and slow >= SLOW_SHARE * firsts

    def _is_slow(self, seconds: float) -> bool:
        """Whether that is slow here, and learn what is usual: slowly, so that a bad hour is not."""
        if self._seen < LEARNT:
            self._seen += 1
            self._first = max(self._first, seconds)
            return False
        slow = seconds > max(SLOW, SLOWER * self._first)
        self._first *= _RISE if seconds > self._first else _FALL
        return slow

    def _open(self, kind: FailureKind, now: float) -> None:
        spread = 1.0 + SPREAD * (crc32(b"%d %d" % (self._seed, self._times)) / 2**31 - 1.0)
        lasts = OPEN * 2.0 ** min(self._times, 16) * spread
        self._times += 1
        self._answers = 0
        self._opened, self._held = now, False
        self.kind = kind
        self.until = max(self.until, now + min(OPEN_LONGEST, lasts))
        self.probe = self._due = min(self.until, now + PROBE_EVERY)

    def _close(self) -> None:
        self._times = self._answers = self._row = 0
        self._opened = self._due = self.until = self.probe = 0.0
        self._held, self._ill = False, -WINDOW
        for bucket in self._counts:
            bucket[:] = (-1, 0, 0, 0, 0)

    def _bucket(self, now: float) -> list[int]:
        number = int(now / BUCKET)
        bucket = self._counts[number % BUCKETS]
        if bucket[0] != number:
            bucket[:] = (number, 0, 0, 0, 0)
        return bucket

    def _sums(self, now: float) -> tuple[int, int, int, int]:
        oldest = int(now / BUCKET) - BUCKETS
        kept = [bucket for bucket in self._counts if bucket[0] > oldest]
        made, failed, firsts, slow = (sum(bucket[column] for bucket in kept) for column in range(1, 5))
        return made, failed, firsts, slow
