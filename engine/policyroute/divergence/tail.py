"""The end of a stream that says the same again and again.

Rule of this module: it looks at the last few hundred characters only, and at nothing else of what was said.
"""

from __future__ import annotations

from typing import Final

_FENCE: Final = "```"
_RULES: Final = frozenset("-=_*#~+|:.,·•─═ \t\r\n0123456789[]()<>/\\")
"""What lines, tables and rows of numbers are made of."""


class Tail:
    """`period`: characters that are said again at most; `size`: characters that must be nothing else. Rows of dashes,
    tables, rows of numbers and what stands in a code fence are such by their nature."""

    __slots__ = ("_fenced", "_last", "_period", "_size")

    def __init__(self, period: int = 100, size: int = 600) -> None:
        self._period, self._size = period, max(size, 2 * period)
        self._last = ""
        self._fenced = False

    def heard(self, text: str) -> bool:
        """Whether the stream, with this at its end, is at it."""
        if "`" in text:
            self._fences(text)
        last = self._last = (self._last + text)[-self._size :]
        size = len(last)
        if size < self._size or self._fenced:
            return False
        probe = min(20, size // 4)
        at = last.rfind(last[-probe:], size - probe - self._period, size - 1)
        if at < 0:
            return False
        period = size - probe - at
        return last.startswith(last[period:]) and _says_something(last[:period])

    def _fences(self, text: str) -> None:
        """A fence may come in pieces."""
        begun = len(self._last) - len(self._last.rstrip("`"))
        before = "`" * (begun % len(_FENCE))
        if (before + text).count(_FENCE) % 2:
            self._fenced = not self._fenced


def _says_something(said: str) -> bool:
    """White space alone is never meant."""
    return said.isspace() or not (_RULES.issuperset(said) or "|" in said)
