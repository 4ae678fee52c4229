"""Values that an app knows of itself: its customers' names, an account's numbers.

Rule of this module: whole words, whatever their case, accents and white space; and no value shows itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise

from policyroute.automaton import automaton
from policyroute.redact.unseen import UNSEEN
from policyroute.redact.work import Steps

SHORTEST = 3
"""Letters and digits of a value; a shorter one would be found everywhere."""
MOST_VALUES = 20_000
_NO_MORE_SPACES = "\u0e00"
"""Scripts from here on do not part their words, or hang endings on them."""
_UNEVEN = re.compile(r"[\t\n\r\f\v]|  ")
_UNSEEN = re.compile(f"[{UNSEEN}]")
_TYPED = {
    **dict.fromkeys("\u2018\u2019\u201b\u02b9\u02bc\u00b4\u2032\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\uff02", '"'),
}
"""Quotes and apostrophes, which editors put in the place of those that were typed."""
_STROKED = str.maketrans(dict(zip("\u00f8\u0142\u0111\u0127\u0167\u0131", "oldhti", strict=True)))
"""Letters whose stroke, or missing dot, is no accent to Unicode."""


class Known:
    """`values` are by their labels, which findings have as their kinds; those of `beside` are found as well.
    `reach`: none has more characters in a text.

    A value is found with other case, without its accents, and with other white space in it (at most as much as it has
    characters, and 16 more). Raises ValueError for values that are `rejected`.
    """

    def __init__(self, values: Mapping[str, str | Sequence[str]], beside: Known | None = None) -> None:
        reason = rejected(values)
        if reason is not None:
            raise ValueError(reason)
        folded: dict[str, str] = {}
        longest = 0
        for label, some in values.items():
            for each in (some,) if isinstance(some, str) else some:
                folded.setdefault(_folded(each)[0].strip(), label)
                longest = max(longest, len(each))
        self._automaton = automaton({plain: (len(plain), label) for plain, label in folded.items()})
        self._beside = beside
        self._reach = 2 * longest + 16 if folded else 0
        self.reach: int = max(self._reach, beside.reach if beside is not None else 0)

    def __repr__(self) -> str:
        return f"<Known, at most {self.reach} characters>"

    def find(self, text: str, steps: Steps) -> Iterator[tuple[int, int, str]]:
        """Start, end and label of each. Raises Exhausted."""
        if self._beside is not None:
            yield from self._beside.find(text, steps)
        if not self._reach:
            return
        plain, places = _folded(text)
        for last, (length, label) in self._automaton.iter(plain):
            steps.take()
            first = last + 1 - length
            if _joined(plain, first) or _joined(plain, last + 1):
                continue
            if places[last] - places[first] < self._reach:
                yield places[first], places[last] + 1, label


def rejected(values: Mapping[str, str | Sequence[str]]) -> str | None:
    """Why nobody can look for these, by a label at most: there are more than 20,000, or one is not `findable`."""
    count = 0
    for label, some in values.items():
        for each in (some,) if isinstance(some, str) else some:
            count += 1
            if not findable(each):
                return f"a known value of {label!r} has fewer than {SHORTEST} letters and digits"
    return f"there are more than {MOST_VALUES:,} known values" if count > MOST_VALUES else None


def findable(value: str) -> bool:
    """Whether it has three letters and digits: less would be found everywhere."""
    begun = value[:SHORTEST]
    if len(begun) == SHORTEST and begun.isascii() and begun.isalnum():
        return True  # nearly every one
    return sum(map(str.isalnum, _folded(value)[0])) >= SHORTEST


def _joined(text: str, at: int) -> bool:
    """One word goes on here."""
    if at in {0, len(text)}:
        return False
    before, after = text[at - 1], text[at]
    return before.isalnum() and after.isalnum() and max(before, after) < _NO_MORE_SPACES


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """The text without what may differ, and where each of its characters stood."""
    if text.isascii() and _UNEVEN.search(text) is None:
        return text.lower(), range(len(text))
    kept = [_meant(each) for each in text]
    for at, (one, other) in enumerate(pairwise(kept), 1):
        if one == other == " ":
            kept[at - 1] = ""
    places = chain.from_iterable((at,) * len(meant) for at, meant in enumerate(kept))
    return "".join(kept), list(places)


@lru_cache(maxsize=8192)
def _meant(character: str) -> str:
    """One character's letters, in lower case and without accents; nothing for one that nobody sees."""
    if character.isspace():
        return " "
    if character in _TYPED:
        return _TYPED[character]
    if _UNSEEN.match(character) or unicodedata.combining(character):
        return ""
    apart = unicodedata.normalize("NFKD", character).casefold().translate(_STROKED)
    return "".join(each for each in apart if not unicodedata.combining(each)) or character
