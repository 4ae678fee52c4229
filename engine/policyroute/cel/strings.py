"""CEL's strings: the standard methods and the strings extension.

Rule of this module: positions count characters; a position outside the string is an error; nothing is built that is
longer than `operations.MAX_SIZE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import NO_OVERLOAD, bounded

_BLANK = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_UPPER = {n: n - 32 for n in range(ord("a"), ord("z") + 1)}
_LOWER = {n: n + 32 for n in range(ord("A"), ord("Z") + 1)}
_ESCAPES = str.maketrans(
    {
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        "\\": "\\\\",
        '"': '\\"',
    }
)


def _within(text: str, position: int) -> int:
    if not 0 <= position <= len(text):
        raise EvaluationError("index out of range")
    return position


def char_at(text: str, position: int) -> str:
    start = _within(text, position)
    return text[start : start + 1]


def index_of(text: str, part: str, start: int = 0) -> int:
    return text.find(part, _within(text, start))


def last_index_of(text: str, part: str, start: int | None = None) -> int:
    """The last place at or before `start` where the part begins."""
    if start is None:
        return text.rfind(part)
    return text.rfind(part, 0, _within(text, start) + len(part))


def substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else _within(text, end)
    if _within(text, start) > stop:
        raise EvaluationError("index out of range")
    return text[start:stop]


def lower_ascii(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_LOWER)


def upper_ascii(text: str) -> str:
    return text.upper() if text.isascii() else text.translate(_UPPER)


def replace(text: str, old: str, new: str, limit: int = -1) -> str:
    count = text.count(old) if limit < 0 else min(limit, text.count(old))
    bounded(len(text) + count * (len(new) - len(old)))
    return text.replace(old, new, count)


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if separator == "":
        parts = list(text)
        return parts if limit < 0 or len(parts) <= limit else [*parts[: limit - 1], "".join(parts[limit - 1 :])]
    return text.split(separator, -1 if limit < 0 else limit - 1)


def join(parts: Sequence[Any], separator: str = "") -> str:
    if not all(isinstance(part, str) for part in parts):
        raise EvaluationError(NO_OVERLOAD)
    bounded(sum(len(part) for part in parts) + len(separator) * len(parts))
    return separator.join(parts)


def trim(text: str) -> str:
    return text.strip(_BLANK)


def reverse(text: str) -> str:
    return text[::-1]


def quote(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'
