"""Characters that look like ASCII.

Rule of this module: one character for one character, so that places stay where they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

_STYLED = (
    *(range(0x2070, 0x20A0), range(0x2100, 0x2150), range(0x2460, 0x2500), range(0xFE50, 0xFE70)),
    *(range(0xFF00, 0xFFEF), range(0x1D400, 0x1D800), range(0x1F100, 0x1F190)),
)
_ZEROS = """0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810 1946
19D0 1A80 1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0"""
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2e3a\ufe58"
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DOTS = "\u2024\u3002"
_TWINS = """0430a 0441c 0501d 0435e 04BBh 0456i 0458j 04CFl 043Eo 0440p 051Bq 0455s 051Dw 0445x 0443y 0410A 0412B 0421C
0415E 041DH 0406I 0408J 041AK 041CM 041EO 0420P 0405S 0422T 0425X 0423Y 04173 03BFo 03BDv 03B9i 0391A 0392B
0395E 0396Z 0397H 0399I 039AK 039CM 039DN 039FO 03A1P 03A4T 03A5Y 03A7X"""
"""Of Cyrillic and Greek: the code point, and what it looks like."""


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
    **{chr(int(each[:-1], 16)): each[-1] for each in _TWINS.split()},
}
"""What looks like it -> the ASCII character."""

PLAINLY: Mapping[int, str] = {ord(each): meant for each, meant in PLAIN.items()}
"""The same, as `str.translate` takes it."""
