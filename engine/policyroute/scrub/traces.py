"""What labelled texts are known by, wherever they turn up: five words in a row, or a nonce that was put there.

Rule of this module: a text and what hides it slightly (other spaces, case, letters that look alike, backwards, rot13)
are one; what is found is said by name, never by text. The work is linear in what is looked through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import ahocorasick as untyped_ahocorasick  # type: ignore[import-not-found]

from policyroute.clearance import Clearance
from policyroute.scrub.folding import folded, squeezed

_ahocorasick: Any = untyped_ahocorasick

WORDS: Final = 5
_LEAST: Final = 12
"""Letters and digits that a shingle has at least; shorter ones go on into the next words."""
_ALONE: Final = 6
"""A text of fewer words than a shingle is looked for whole if it has as many letters and digits."""
_MOST: Final = 20_000
"""Shingles of one text. Of a longer one those are taken that are spread over it evenly."""

_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Trace:
    """A text with a label, and whose selector gave it."""

    name: str
    label: Clearance
    text: str = field(repr=False)


class Traces:
    """`canaries` are nonces that stand in labelled texts, of at least six letters or digits. What `besides` has is no
    sign: it may be said."""

    __slots__ = ("_automaton", "longest")

    def __init__(self, traces: Iterable[Trace] = (), canaries: Iterable[str] = (), besides: Iterable[str] = ()) -> None:
        free = {shingle for text in besides for shingle in shingles(text)}
        named = [(shingle, trace.name) for trace in traces for shingle in shingles(trace.text) if shingle not in free]
        named += [(squeezed(canary), "canary") for canary in canaries]
        named = [(shingle, name) for shingle, name in named if len(shingle) >= _ALONE]
        self.longest = max((len(shingle) for shingle, _ in named), default=0)
        self._automaton = _built(named) if named else None

    def __bool__(self) -> bool:
        return self._automaton is not None

    def found(self, said: str) -> Iterator[str]:
        """Names of what is in a text that is squeezed already, read forwards, backwards and as rot13."""
        if self._automaton is not None and said:
            for form in (said, said[::-1], said.translate(_ROT13)):
                for _, name in self._automaton.iter(form):
                    yield name


def _built(named: Iterable[tuple[str, str]]) -> Any:
    automaton: Any = _ahocorasick.Automaton()
    for shingle, name in named:
        automaton.add_word(shingle, name)
    automaton.make_automaton()
    return automaton


_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
_ROT13: Final = str.maketrans(_ALPHABET, _ALPHABET[13:] + _ALPHABET[:13])


def shingles(text: str) -> list[str]:
    """Five words each, squeezed; more where the words are short."""
    words = _WORD.findall(folded(text))
    if len(words) < WORDS:
        whole = "".join(words)
        return [whole] if len(whole) >= _ALONE else []
    found: dict[str, None] = {}
    step = 1 + (len(words) - WORDS) // _MOST
    for at in range(0, len(words) - WORDS + 1, step):
        end, shingle = at + WORDS, "".join(words[at : at + WORDS])
        while len(shingle) < _LEAST and end < len(words):
            shingle += words[end]
            end += 1
        found[shingle[:512]] = None
    return list(found)
