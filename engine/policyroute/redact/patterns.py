"""Patterns that authors of policies write.

Rule of this module: RE2 alone runs them, and what one finding may cost is bounded whatever the pattern is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policyroute.redact.engine import Pattern, Refused, of_author
from policyroute.redact.work import Steps

if TYPE_CHECKING:
    from policyroute.redact.views import Spans, View

REACH = 500
"""Bytes of one finding of a pattern; what is longer is found in pieces."""
_WINDOW = 4 * REACH
_LONGEST = 1000
_STEPS = 2  # a match may read a whole window


def rejected(pattern: str) -> str | None:
    """Why a pattern cannot be used, in words for its author; None: it can."""
    if len(pattern) > _LONGEST:
        return f"it has more than {_LONGEST:,} characters"
    if not pattern.isprintable() and any("\ud800" <= each <= "\udfff" for each in pattern):
        return "it is not a text: half a character is in it"
    try:
        made = _made(pattern)
    except Refused as problem:
        return f"RE2 does not accept it: {_told(problem)}"
    if made.fullmatch(b"") is not None:
        return "it matches an empty text, so it would be found everywhere"
    return None


def _told(problem: Exception) -> str:
    said = problem.args[0] if problem.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _made(pattern: str) -> Pattern:
    return of_author(pattern)


class Patterns:
    """`named`: patterns of which `rejected` says None, by the names that their findings have. Raises ValueError."""

    def __init__(self, named: dict[str, str]) -> None:
        for name, pattern in named.items():
            if (why := rejected(pattern)) is not None:
                raise ValueError(f"pattern {name!r}: {why}")
        self._made = [(name, _made(pattern)) for name, pattern in named.items()]

    def find(self, view: View, steps: Steps) -> Spans:
        """Raises Exhausted."""
        if not self._made:
            return
        raw = view.text.encode("utf-8", "replace")
        for name, pattern in self._made:
            last = count = 0  # bytes, and the characters before them
            for start, end in _matches(pattern, raw, steps):
                first = count + _characters(raw, last, start)
                last, count = end, first + _characters(raw, start, end)
                yield first, count, name


def _characters(raw: bytes, start: int, end: int) -> int:
    return end - start if raw.isascii() else len(raw[start:end].decode("utf-8", "ignore"))


def _matches(pattern: Pattern, raw: bytes, steps: Steps) -> list[tuple[int, int]]:
    """One window after the other, so that no match reads more than one."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(raw):
        match = pattern.search(raw, at, at + _WINDOW)
        if match is None:
            at += _WINDOW - REACH
            continue
        steps.take(_STEPS)
        start, end = match.span()
        if end - start > REACH or (end == at + _WINDOW and start > at):
            cut = pattern.search(raw, start, start + _WINDOW)
            end = min(end if cut is None else cut.end(), _whole(raw, start + REACH))
        if end > start:
            found.append((start, end))
        at = max(end, start + 1)
    return found


def _whole(raw: bytes, at: int) -> int:
    """No character is cut."""
    while at < len(raw) and raw[at] & 0xC0 == 0x80:
        at += 1
    return at
