"""One pass over a text for every word that anything is looked for at.

Rule of this module: it says where words stand, and what each means is its asker's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import ahocorasick as untyped_ahocorasick  # type: ignore[import-not-found, unused-ignore]

from policyroute.redact.views import View
from policyroute.redact.work import Steps

_ahocorasick: Any = untyped_ahocorasick

At = Callable[[View, int, int], Iterator[tuple[int, int, str]]]
"""Looks at a word that stands from `start` to `end` of the view, and says what stands there: start, end, kind."""
_COSTLY = {"-----begin ": 20}
"""Steps, of words after which much is read."""


class Words:
    """`asked`: words in lower case, and who looks at them."""

    def __init__(self, asked: Iterable[tuple[str, At]]) -> None:
        by_word: dict[str, list[At]] = {}
        for word, at in asked:
            by_word.setdefault(word, []).append(at)
        self._automaton = automaton(
            {word: (len(word), _COSTLY.get(word, 1), tuple(ats)) for word, ats in by_word.items()}
        )

    def find(self, view: View, steps: Steps) -> Iterator[tuple[int, int, str]]:
        """Raises Exhausted."""
        if self._automaton is None:
            return
        for last, (length, cost, ats) in self._automaton.iter(view.low):
            steps.take(cost)
            start = last + 1 - length
            for at in ats:
                yield from at(view, start, last + 1)


def automaton(words: dict[str, Any]) -> Any:
    """Of pyahocorasick: `iter(text)` gives the place of a word's last character and its value. None for no words."""
    if not words:
        return None
    result = _ahocorasick.Automaton()
    for word, value in words.items():
        result.add_word(word, value)
    result.make_automaton()
    return result
