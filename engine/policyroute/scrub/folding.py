"""Texts as they look: letters that are drawn alike are one, and what is not drawn is not there.

Rule of this module: letter by letter, so that a text in pieces folds to what the whole folds to.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
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


def _is_seen(letter: str) -> bool:
    return letter.isascii() or (unicodedata.category(letter) not in _UNSEEN and letter not in _FILLERS)


def _is_said(letter: str) -> bool:
    return _is_seen(letter) and letter.isalnum()


class _Kept(dict[int, str]):
    """What each letter looks like, or nothing; found out when it is first met."""

    def __init__(self, keeps: Callable[[str], bool]) -> None:
        alike = {other: letter for letter, others in _ALIKE.items() for other in others}
        super().__init__({ord(other): letter if keeps(letter) else "" for other, letter in alike.items()})
        self._keeps = keeps

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        self[code] = kept = letter if self._keeps(letter) else ""
        return kept


_SEEN: Final = _Kept(_is_seen)
_SAID: Final = _Kept(_is_said)


AT_ONCE: Final = 65_536
"""Characters that are worked on in one go: nobody else can do anything meanwhile."""


def folded(text: str) -> str:
    """In lower case, without marks, and in ASCII where letters look it."""
    if text.isascii():
        return text.lower()
    if len(text) <= AT_ONCE:
        return _folded(text)
    return "".join(map(_folded, slices(text)))


def _folded(text: str) -> str:
    return _plain(text).translate(_SEEN)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).casefold()


def slices(text: str) -> Iterator[str]:
    return (text[start : start + AT_ONCE] for start in range(0, len(text), AT_ONCE))


def squeezed(text: str) -> str:
    """Its letters and digits, as they look."""
    if text.isascii():
        return text.encode("ascii").translate(_LOWER, _NO_LETTERS).decode("ascii")
    return "".join([_plain(each).translate(_SAID) for each in slices(text)])


def squeezed_bytes(raw: bytes) -> str:
    """The ASCII among them, of what may be no text at all."""
    return raw.translate(_LOWER, _NO_ASCII_LETTERS).decode("ascii")


_LOWER: Final = bytes(range(256)).lower()
_NO_LETTERS: Final = bytes(code for code in range(128) if not chr(code).isalnum())
_NO_ASCII_LETTERS: Final = _NO_LETTERS + bytes(range(128, 256))
