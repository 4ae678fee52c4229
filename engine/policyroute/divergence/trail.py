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


class Trail:
    """`going` are the steps (from 0) that the loop is made of, `count` how often its last one was made, `unchanged`
    whether that gave the same each time; they are of the last step that `goes_on` had something to say of."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._all: list[Done] = []
        self._seen: set[Done] = set()
        self._since: Counter[Done] = Counter()  # since the last new step, that one included
        self._stale = 0
        self._patient: dict[Done, int] = {}
        self._same = self._twin = self._near = 0
        self.going: tuple[int, ...] = ()
        self.count = 0
        self.unchanged = False

    def goes_on(self, done: Done, calls: Sequence[Call]) -> str:
        """What can be said after one more step; empty where it is no loop."""
        self._follow(done)
        most_ = self._most(done, calls)
        if self._twin >= most_:
            self._found(range(len(self._all) - self._twin, len(self._all)), self._twin, unchanged=True)
            return REPEATED_CALL if calls else MONOLOGUE
        if self._turns(done, most_):
            again = [at for at, each in enumerate(self._all) if each in self._since]
            self._found(again, self._all.count(done), unchanged=True)
            return CYCLE
        if calls and self._same >= most_ and (self._near >= most_ or self._same > most_) and not pages(calls):
            self._found(range(len(self._all) - self._same, len(self._all)), self._same, unchanged=False)
            return SAME_CALL
        return ""

    def spare(self) -> list[int]:
        """Of the steps it is made of, those that were made before and will be made again."""
        found: list[int] = []
        for each in dict.fromkeys(self._all[at] for at in self.going):
            found += [at for at in self.going if self._all[at] == each][1:-1]
        return found

    def _follow(self, done: Done) -> None:
        before = self._all[-1] if self._all else None
        self._twin = self._twin + 1 if done == before else 1
        self._same = self._same + 1 if before is not None and done[0] == before[0] else 1
        near = self._same > 1 and before is not None and _near(before[1], done[1])
        self._near = self._near + 1 if near else 1
        if done in self._seen:
            self._stale += 1
            self._since[done] += 1
        else:
            self._seen.add(done)
            self._stale = 0
            self._since = Counter((done,))
        self._all.append(done)

    def _most(self, done: Done, calls: Sequence[Call]) -> int:
        if done not in self._patient:
            self._patient[done] = most(calls, self._watch) if calls else self._watch.repeats
        return self._patient[done]

    def _turns(self, done: Done, most_: int) -> bool:
        """Whether nothing new was done while this was done again, and something else in between."""
        if len(self._since) < 2 or not self._stale:
            return False
        rounds = max(2, max(most_, *(self._patient[each] for each in self._since)) - 1)
        return self._stale >= rounds and self._since[done] >= rounds

    def _found(self, going: Sequence[int], count: int, *, unchanged: bool) -> None:
        self.going, self.count, self.unchanged = tuple(going), count, unchanged


def _near(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return len(some) == len(others) and all(
        alike(one, other, _SIMILAR) for one, other in zip(some, others, strict=True)
    )
