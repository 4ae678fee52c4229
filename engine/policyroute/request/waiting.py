"""What waits for its other half, such as a call for its result, found by any of its names.

Rule of this module: adding and taking cost the same however many wait: a history has as many calls as a client likes.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Generic, TypeVar

T = TypeVar("T")
Name = tuple[str, str]
"""What kind of name it is, and the name."""


class Waiting(Generic[T]):
    def __init__(self) -> None:
        self._all: list[T] = []
        self._taken: set[int] = set()
        self._by_name: defaultdict[Name, deque[int]] = defaultdict(deque)

    def add(self, it: T, *names: Name) -> None:
        for name in names:
            self._by_name[name].append(len(self._all))
        self._all.append(it)

    def take(self, *names: Name) -> T | None:
        """The first that was added of those with one of these names, once; None where none is left."""
        first = min((place for name in names if (place := self._first(name)) >= 0), default=-1)
        if first < 0:
            return None
        self._taken.add(first)
        return self._all[first]

    def _first(self, name: Name) -> int:
        places = self._by_name.get(name)
        while places and places[0] in self._taken:
            places.popleft()
        return places[0] if places else -1
