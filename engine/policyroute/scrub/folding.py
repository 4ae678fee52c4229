"""Texts as they look: letters that are drawn alike are one, and what is not drawn is not there.

Rule of this module: letter by letter, so that a text in pieces folds to what the whole folds to.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_ALIKE: Final = {
    "a": "\u0430\u03b1\u0251",
    "b": "\u0184",
    "c": "\u0441\u03f2",
    "d": "\u0501",
    "e": "\u0435\u03b5\u0454",
    "g": "\u0261\u0581",
    "h": "\u04bb\u0570",
    "i": "\u0456\u03b9\u0131\u0269\u04cf",
    "j": "\u0458",
    "k": "\u043a\u03ba",
    "l": "\u01c0\u0142",
    "m": "\u043c",
    "n": "\u043f\u03b7\u0578",
    "o": "\u043e\u03bf\u0585",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "r": "\u0433\u0280",
    "s": "\u0455",
    "t": "\u0442\u03c4",
    "u": "\u03c5\u057d",
    "v": "\u03bd\u0475",
    "w": "\u051d",
    "x": "\u0445\u03c7",
    "y": "\u0443",
    "<": "\u2039\u2329\u27e8\u3008\u02c2\u276e\u1438",
    ">": "\u203a\u232a\u27e9\u3009\u02c3\u276f\u1433",
}
"""A letter to those that look like it: of Cyrillic, Greek, Armenian, and what stands for angle brackets."""

_UNSEEN: Final = frozenset({"Cf", "Mn", "Me", "Cc", "Cs", "Co"})
_FILLERS: Final = "\u115f\u1160\u3164\uffa0\u2800"
"""Letters, by their category, that nobody sees."""


class _Seen(dict[int, str]):
    """What each letter looks like, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        unseen = code > 127 and (unicodedata.category(letter) in _UNSEEN or letter in _FILLERS)
        seen = "" if unseen else letter
        self[code] = seen
        return seen


_SEEN: Final = _Seen({ord(other): letter for letter, others in _ALIKE.items() for other in others})


def folded(text: str) -> str:
    """In lower case, without marks, and in ASCII where letters look it."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text).casefold().translate(_SEEN)
