"""National numbers, found by `national`.

Rule of this module: a number counts if its check holds, and if it looks like nothing else or one of its words stands
near.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyroute.redact.engine import Several, compiled
from policyroute.redact.national import NUMBERS, Number
from policyroute.redact.personal import begins, ends
from policyroute.redact.tokens import bounded
from policyroute.redact.views import Spans, View
from policyroute.redact.words import Asked
from policyroute.redact.work import Steps

_BEFORE, _AFTER = 40, 64
_SEPARATORS = b" .-/"
_LICENCE = compiled(r"(?i)^[^0-9\n]{0,24}?\b((?:[A-Z]{1,3}[- ]?)?\d(?:[- ]?\d){5,14}[A-Z0-9]{0,5})\b")
_LICENCE_WORDS = ("driver", "driving licen", "führerschein", "permis de conduire")


def worded(kinds: frozenset[str]) -> Iterator[Asked]:
    """The words of the numbers of `kinds`, and who looks at them."""
    for each in NUMBERS:
        if each.kind in kinds:
            look = _Near(each).look
            yield from ((word, look, 2) for word in each.words)
    if "driver_license" in kinds:
        yield from ((word, _licence, 2) for word in _LICENCE_WORDS)


class _Near:
    def __init__(self, number: Number) -> None:
        self._number = number
        self._shape = compiled(f"(?:^|[^A-Za-z0-9])({number.shape})(?:$|[^A-Za-z0-9])")

    def look(self, view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        if start and bounded(view.data[start - 1]):
            return
        for at, last in ((end - 1, end + _AFTER), (max(0, start - _BEFORE), start)):
            found = self._shape.search(view.data, at, min(last, len(view.data)))
            if found is None:
                continue
            first, to = found.span(1)
            if valid(self._number, view.data[first:to]) and begins(view.data, first) and ends(view.data, to):
                yield first, to, self._number.kind
                return


def _licence(view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    found = _LICENCE.search(view.data[end : end + 64])
    if found is not None and b"licen" in view.data[start : end + 16].lower() + b"licen" * (view.low[start] in "fp"):
        yield end + found.start(1), end + found.end(1), "driver_license"


def valid(number: Number, written: bytes) -> bool:
    return number.valid(written.translate(None, _SEPARATORS).decode().upper())


class Written:
    """Numbers that count as they are written, in one pass."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._numbers = [each for each in NUMBERS if each.kind in kinds and each.written]
        self._each = Several(each.written for each in self._numbers)
        either = "|".join(each.written for each in self._numbers)
        self._pattern = compiled(rf"(?:^|[^A-Za-z0-9])(?:{either})\b") if either else None

    def find(self, view: View, steps: Steps) -> Spans:
        """Raises Exhausted."""
        data = view.data
        for found in self._pattern.finditer(data) if self._pattern is not None else ():
            steps.take()
            start, end = found.span()
            start += not bounded(data[start])  # what stood before it
            if begins(data, start) and ends(data, end):
                steps.take()
                yield from self._named(data, start, end)

    def _named(self, data: bytes, start: int, end: int) -> Spans:
        written = data[start:end]
        for at in self._each.matching(written):
            if valid(self._numbers[at], written):
                yield start, end, self._numbers[at].kind
                return
