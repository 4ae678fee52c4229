"""Tokens of services, found by `formats`.

Rule of this module: a token is looked for where its mark stands, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyroute.redact import plausible
from policyroute.redact.engine import compiled
from policyroute.redact.formats import FORMATS, Format
from policyroute.redact.views import View
from policyroute.redact.words import Asked
from policyroute.redact.work import Steps

LONGEST_TOKEN = 2100


def tokens(kinds: frozenset[str]) -> Iterator[Asked]:
    """The marks of the formats of `kinds`, and who looks at them."""
    for each in FORMATS:
        if each.kind in kinds and each.mark:
            yield each.mark, _At(each).look, 1


class _At:
    def __init__(self, form: Format) -> None:
        self._form = form
        self._pattern = compiled(form.pattern)
        self._alone = not form.before  # else the pattern says what may stand before it
        self._group = int("(" in form.pattern.replace("(?:", ""))

    def look(self, view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        data, form = view.data, self._form
        if self._alone:
            if start and bounded(data[start - 1]):
                return
            found = self._pattern.match(data, start, start + LONGEST_TOKEN)
        else:
            found = self._pattern.search(data, max(0, start - form.before), end + LONGEST_TOKEN)
            if found is not None and not found.start() <= start < found.end():
                return
        if found is None:
            return
        first, last = found.span(self._group)
        if judged(form, data, first, last):
            yield first, last, form.kind


def bounded(byte: int) -> bool:
    """A letter or a digit, so that nothing begins after it and nothing ends before it."""
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


def judged(form: Format, data: bytes, start: int, end: int) -> bool:
    token = data[start:end].decode("latin-1")
    if end < len(data) and (
        bounded(data[end]) or (data[end] in b"_-" and end - start >= 20 and b"_-]" in form.pattern.encode())
    ):
        return False
    if form.checked is not None and form.checked(token):
        return True
    body = token[len(form.mark) :] if token.lower().startswith(form.mark) else token
    return form.filler or (not plausible.filler(body) and plausible.drawn(body))


class Everywhere:
    """The formats that have no mark, in one pass."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._forms = [each for each in FORMATS if each.kind in kinds and not each.mark]
        either = "|".join(f"({each.pattern})" for each in self._forms)
        self._pattern = compiled(rf"\b(?:{either})") if self._forms else None

    def find(self, view: View, steps: Steps) -> Iterator[tuple[int, int, str]]:
        """Raises Exhausted."""
        for found in self._pattern.finditer(view.data) if self._pattern is not None else ():
            steps.take()
            for group, form in enumerate(self._forms, 1):
                if found.start(group) >= 0 and judged(form, view.data, *found.span(group)):
                    yield *found.span(group), form.kind
