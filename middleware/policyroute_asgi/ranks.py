"""Those who wait, by their standing: who is next, and who has to go where there are too many.

Rule of this module: an order and nothing else. No clock, no loop; each step costs the same however many wait.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Ranks(Generic[T]):
    """Each is in it once. The higher a standing (an int) the better; among equals whoever came first is next, and
    whoever came last has to go."""

    def __init__(self) -> None:
        self._ranks: dict[int, OrderedDict[T, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, one: T, standing: int) -> None:
        self._ranks.setdefault(standing, OrderedDict())[one] = None
        self._count += 1

    def next(self) -> T | None:
        """Take out whoever is next, None where nobody waits."""
        return self._taken(max(self._ranks), last=False) if self._ranks else None

    def last(self, below: int) -> T | None:
        """Take out whoever has to go for one of standing `below`: None where nobody has a lower one."""
        lowest = min(self._ranks, default=below)
        return self._taken(lowest, last=True) if lowest < below else None

    def discard(self, one: T, standing: int) -> None:
        """It waits no more, if it did."""
        rank = self._ranks.get(standing)
        if rank is not None and one in rank:
            del rank[one]
            self._removed(standing)

    def _taken(self, standing: int, *, last: bool) -> T:
        one, _ = self._ranks[standing].popitem(last=last)
        self._removed(standing)
        return one

    def _removed(self, standing: int) -> None:
        self._count -= 1
        if not self._ranks[standing]:
            del self._ranks[standing]
