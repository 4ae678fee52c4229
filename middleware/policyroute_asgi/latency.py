"""What was lately observed of each target at each provider: latencies, and attempts that are open now.

Rule of this module: samples are bounded in number and in age. A target that is no longer asked becomes unknown again,
so that a rule which avoids it while it is slow gives it another chance.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from math import ceil

from policyroute.decide.state import Latency, Place
from policyroute.record import AttemptRecord

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


class _Place:
    __slots__ = ("total", "ttft")

    def __init__(self) -> None:
        self.ttft = Window()
        self.total = Window()


class Latencies(Mapping[Place, Latency]):
    """A live view: each read says what is known at this moment. `clock` is the one the attempts' records are in."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._places: dict[Place, _Place] = {}

    def add(self, attempt: AttemptRecord, *, stream: bool) -> None:
        """Learn from a successful attempt. `ttft` is of streams only: a JSON answer has no first token to see."""
        if attempt.outcome != "ok" or attempt.ended is None:
            return
        key = (attempt.target, attempt.provider)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place()
        place.total.add(attempt.ended - attempt.opened, attempt.ended)
        if stream and attempt.first_event is not None:
            place.ttft.add(attempt.first_event - attempt.opened, attempt.ended)

    def __getitem__(self, key: Place) -> Latency:
        place = self._places[key]
        now = self._clock()
        return Latency(
            place.ttft.percentile(0.5, now), place.ttft.percentile(0.95, now), place.total.percentile(0.95, now)
        )

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
