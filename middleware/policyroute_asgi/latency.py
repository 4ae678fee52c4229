"""What was lately observed of each target: latencies, and attempts that are open now.

Rule of this module: samples are bounded in number and in age. A target that is no longer asked becomes unknown again,
so that a rule which avoids it while it is slow gives it another chance.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil

SAMPLES = 256
MAX_AGE = 300.0
"""Seconds after which a sample no longer counts."""


class Window:
    """The last samples, sorted as they come: an exact percentile is one read."""

    __slots__ = ("_by_age", "_sorted")

    def __init__(self) -> None:
        self._by_age: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []

    def add(self, value: float, now: float) -> None:
        if len(self._by_age) >= SAMPLES:
            self._forget()
        self._by_age.append((now, value))
        insort(self._sorted, value)

    def percentile(self, ratio: float, now: float) -> float | None:
        """The smallest sample that `ratio` (above 0, at most 1) of the samples do not exceed; None without samples."""
        while self._by_age and self._by_age[0][0] < now - MAX_AGE:
            self._forget()
        if not self._sorted:
            return None
        return self._sorted[ceil(len(self._sorted) * ratio) - 1]

    def _forget(self) -> None:
        _, value = self._by_age.popleft()
        del self._sorted[bisect_left(self._sorted, value)]


class Observed:
    """One target. `ttft` is measured on streams only: a JSON answer has no first token to see."""

    __slots__ = ("in_flight", "total", "ttft")

    def __init__(self) -> None:
        self.ttft = Window()
        self.total = Window()
        self.in_flight = 0
