"""One pass over a text for every word that anything is looked for at.

Rule of this module: it says where words stand, and what each means is its asker's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from policyroute.automaton import automaton
from policyroute.redact.work import Steps

if TYPE_CHECKING:
    from policyroute.redact.views import View

At = Callable[["View", int, int], Iterator[tuple[int, int, str]]]
"""Looks at a word that stands from `start` to `end` of the view, and says what stands there: start, end, kind."""
Asked = tuple[str, At, int]
"""A word in lower case, who looks at it, and how many steps that takes."""


class Words:
    """All that are asked for."""

    def __init__(self, asked: Iterable[Asked]) -> None:
        by_word: dict[str, list[tuple[At, int]]] = {}
        for word, at, cost in asked:
            by_word.setdefault(word, []).append((at, cost))
        self._automaton = automaton(
            {
                word: (len(word), max(cost for _, cost in looking), tuple(at for at, _ in looking))
                for word, looking in by_word.items()
            }
        )

    def find(self, view: View, steps: Steps) -> Iterator[tuple[int, int, str]]:
        """Raises Exhausted."""
        for last, (length, cost, ats) in self._automaton.iter(view.low):
            steps.take(cost)
            start = last + 1 - length
            for at in ats:
                yield from at(view, start, last + 1)
