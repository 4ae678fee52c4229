"""The rules: what of a row of steps, one after the other, is a loop.

Rule of this module: a step is what was done and what that gave, both compared by whoever tells of it. A step that was
not seen before is work, and whatever was repeated up to it is forgiven.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from policyroute.divergence.kinds import CYCLE, MONOLOGUE, REPEATED_CALL, SAME_CALL, most, pages
from policyroute.divergence.sameness import Said, alike
from policyroute.divergence.watch import Watch
from policyroute.request.prompt import Call

Done = tuple[tuple[Said, ...], tuple[str, ...]]
"""What was done, and what it gave."""

_SIMILAR: Final = 0.6
"""How much of two results is the same where they tell nothing new."""

_FEWEST: Final = 3
"""Steps without which there is no cycle, however few a policy allows."""


class Trail:
    """What is told of the loop is of the last step that `goes_on` had something to say of."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._all: list[Done] = []
        self._seen: set[Done] = set()
        self._since: Counter[Done] = Counter()  # since the last new step, that one included
        self._stale = 0
        self._calls: dict[Done, Sequence[Call]] = {}
        self._patient: dict[Done, int] = {}
        self._same = self._twin = 0

    def goes_on(self, done: Done, calls: Sequence[Call]) -> str:
        """What can be said after one more step; empty where it is no loop."""
        self._follow(done)
        self._calls[done] = calls
        if max(self._twin, self._same, self._stale + 1) < min(self._watch.repeats, _FEWEST):
            return ""
        most_ = self._most(done)
        if self._twin >= most_:
            return REPEATED_CALL if calls else MONOLOGUE
        if self._turns(done, most_):
            return CYCLE
        if calls and self._same >= most_ and (self._same > most_ or self._similar(most_)) and not pages(calls):
            return SAME_CALL
        return ""

    def going(self, kind: str) -> list[int]:
        """The steps (from 0) that the loop is made of, of which that was said last."""
        if kind == CYCLE:
            return [at for at, each in enumerate(self._all) if each in self._since]
        count = self._same if kind == SAME_CALL else self._twin
        return list(range(len(self._all) - count, len(self._all)))

    def count(self, kind: str) -> int:
        """How often its last step was made."""
        going = self.going(kind)
        return sum(self._all[at] == self._all[-1] for at in going) if kind == CYCLE else len(going)

    def spare(self, kind: str) -> list[int]:
        """Of its steps those that were made before, with the same result, and will be made again."""
        places: dict[Done, list[int]] = {}
        for at in self.going(kind):
            places.setdefault(self._all[at], []).append(at)
        return [at for each in places.values() for at in each[1:-1]]

    def _follow(self, done: Done) -> None:
        before = self._all[-1] if self._all else None
        self._twin = self._twin + 1 if done == before else 1
        self._same = self._same + 1 if before is not None and done[0] == before[0] else 1
        if done in self._seen:
            self._stale += 1
            self._since[done] += 1
        else:
            self._seen.add(done)
            self._stale = 0
            self._since = Counter((done,))
        self._all.append(done)

    def _most(self, done: Done) -> int:
        if done not in self._patient:
            self._patient[done] = most(self._calls[done], self._watch)
        return self._patient[done]

    def _similar(self, count: int) -> bool:
        """Whether each of so many results is much like the one before."""
        last = [gave for _, gave in self._all[-count:]]
        return all(map(_near, last, last[1:]))

    def _turns(self, done: Done, most_: int) -> bool:
        """Whether nothing new was done while this, and something else, was done again."""
        rounds = max(_FEWEST - 1, most_ - 1)
        if self._stale < rounds or self._since[done] < rounds:
            return False
        again = set(self._all[len(self._all) - self._stale :])
        rounds = max(_FEWEST - 1, *(self._most(each) - 1 for each in self._since))
        return len(again) > 1 and self._stale >= rounds and self._since[done] >= rounds


def _near(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return len(some) == len(others) and all(
        alike(one, other, _SIMILAR) for one, other in zip(some, others, strict=True)
    )
