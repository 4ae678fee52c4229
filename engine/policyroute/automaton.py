"""Many words found in one pass over a text.

Rule of this module: it alone knows pyahocorasick.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

import ahocorasick as untyped_ahocorasick  # type: ignore[import-not-found, unused-ignore]

_ahocorasick: Any = untyped_ahocorasick

Value_co = TypeVar("Value_co", covariant=True)
T = TypeVar("T")


class Automaton(Protocol, Generic[Value_co]):
    def iter(self, text: str, /) -> Iterator[tuple[int, Value_co]]:
        """The place of each word's last character, and the word's value; words that overlap too."""
        ...


class _OfNothing:
    def iter(self, text: str, /) -> Iterator[tuple[int, Any]]:
        return iter(())


def automaton(words: Mapping[str, T]) -> Automaton[T]:
    """Of words with their values."""
    if not words:
        return _OfNothing()  # pyahocorasick makes none of no words
    made = _ahocorasick.Automaton()
    for word, value in words.items():
        made.add_word(word, value)
    made.make_automaton()
    found: Automaton[T] = made
    return found
