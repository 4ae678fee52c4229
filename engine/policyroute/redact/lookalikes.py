"""Characters that look like ASCII, and those that nobody sees.

Rule of this module: one character for one character, so that places stay where they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

_STYLED = (range(0x2070, 0x20A0), range(0x2100, 0x2150), range(0x2460, 0x2500), range(0xFE50, 0xFE70))
_STYLED += (range(0xFF00, 0xFFEF), range(0x1D400, 0x1D800), range(0x1F100, 0x1F190))
_ZEROS = """0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810 1946
19D0 1A80 1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0"""
_DASHES = "‐‑‒–—―⁃−⸺﹘"  # noqa: RUF001
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DOTS = "․。"
_TWINS = {
    "а": "a", "с": "c", "ԁ": "d", "е": "e", "һ": "h", "і": "i", "ј": "j", "ӏ": "l", "о": "o", "р": "p", "ԛ": "q",
    "ѕ": "s", "ԝ": "w", "х": "x", "у": "y", "А": "A", "В": "B", "С": "C", "Е": "E", "Н": "H", "І": "I", "Ј": "J",
    "К": "K", "М": "M", "О": "O", "Р": "P", "Ѕ": "S", "Т": "T", "Х": "X", "У": "Y", "З": "3",
    "ο": "o", "ν": "v", "ι": "i", "Α": "A", "Β": "B", "Ε": "E", "Ζ": "Z", "Η": "H", "Ι": "I", "Κ": "K", "Μ": "M",
    "Ν": "N", "Ο": "O", "Ρ": "P", "Τ": "T", "Υ": "Y", "Χ": "X",
}  # fmt: skip


def _styled() -> Iterator[tuple[str, str]]:
    for some in _STYLED:
        for each in map(chr, some):
            meant = unicodedata.normalize("NFKC", each)
            if len(meant) == 1 and meant.isascii():
                yield each, meant


def _digits() -> Iterator[tuple[str, str]]:
    for zero in _ZEROS.split():
        for digit in range(10):
            yield chr(int(zero, 16) + digit), str(digit)


PLAIN: Mapping[str, str] = {
    **dict(_styled()),
    **dict(_digits()),
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_DOTS, "."),
    **_TWINS,
}
"""What looks like it -> the ASCII character."""

UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e007f\U000e0100-\U000e01ef"
)
"""Zero-width characters, marks of direction, selectors and tags, as the inside of a class of `re`."""
