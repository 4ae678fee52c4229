"""What labelled texts are known by, wherever they turn up: five words in a row, or a nonce that was put there.

Rule of this module: a text and what hides it slightly (other spaces, case, letters that look alike, backwards, rot13)
are one; what is found is said by name, never by text. The work is linear in what is looked through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from policyroute.automaton import automaton
from policyroute.clearance import Clearance
from policyroute.scrub.folding import folded, squeezed

WORDS: Final = 5
_LEAST: Final = 12
"""Letters and digits that a shingle has at least; shorter ones go on into the next words."""
_ALONE: Final = 6
"""A text of fewer words than a shingle is looked for whole if it has as many letters and digits."""
_LONGEST: Final = 512
"""Letters of a shingle that are looked for."""
CANARY: Final = "canary"
_MOST: Final = 20_000
"""Shingles of one text. Of a longer one those are taken that are spread over it evenly."""

_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
"""Letters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
_WORD: Final = re.compile(rf"[{_UNSPACED}]{{1,3}}|(?:(?![{_UNSPACED}])[^\W_])+")


@dataclass(frozen=True, slots=True)
class Trace:
    """A text with a label, and whose selector gave it."""

    name: str
    label: Clearance
    text: str = field(repr=False)


class Traces:
    """`canaries` are nonces that stand in labelled texts, of at least six letters or digits. What of
    the others `besides` has is no sign: it may be said."""

    __slots__ = ("_automaton", "_free", "longest")

    def __init__(self, traces: Iterable[Trace] = (), canaries: Iterable[str] = (), besides: Iterable[str] = ()) -> None:
        named = {shingle: trace.name for trace in traces for shingle in shingles(trace.text)}
        named |= {squeezed(canary): CANARY for canary in canaries}
        named = {shingle: name for shingle, name in named.items() if len(shingle) >= _ALONE}
        self.longest = max(map(len, named), default=0)
        self._automaton = automaton({shingle: (shingle, name) for shingle, name in named.items()})
        self._free: set[str] = set()
        for text in besides if named else ():
            self._free.update(shingle for _, (shingle, name) in self._automaton.iter(squeezed(text)) if name != CANARY)

    def __bool__(self) -> bool:
        return self.longest > 0

    def found(self, said: str) -> Iterator[str]:
        """Names of what is in a text that is squeezed already."""
        if self and said:
            for _, (shingle, name) in self._automaton.iter(said):
                if shingle not in self._free:
                    yield name

    def disguised(self, said: str) -> Iterator[str]:
        """As `found`, backwards, as rot13, and with numbers in between."""
        yield from self.found(said[::-1])
        yield from self.found(said.translate(_ROT13))
        yield from self.found(said.translate(_NUMBERED))


_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
_ROT13: Final = str.maketrans(_ALPHABET, _ALPHABET[13:] + _ALPHABET[:13])


_NUMBERED: Final = str.maketrans("", "", "0123456789")


def shingles(text: str) -> list[str]:
    """Five words each, squeezed; more where the words are short."""
    words = _WORD.findall(folded(text))
    if len(words) < WORDS:
        whole = "".join(words)
        return [whole] if len(whole) >= _ALONE else []
    step = 1 + (len(words) - WORDS) // _MOST
    starts = range(0, len(words) - WORDS + 1, step)
    found = ["".join(words[at : at + WORDS]) for at in starts]
    return [
        (each if len(each) >= _LEAST else _longer(words, at))[:_LONGEST] for at, each in zip(starts, found, strict=True)
    ]


def _longer(words: list[str], at: int) -> str:
    shingle, end = "", at
    while len(shingle) < _LEAST and end < len(words):
        shingle += words[end]
        end += 1
    return shingle
