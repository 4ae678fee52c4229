"""A text as it is looked at: as it stands, and as it means if something is hidden in it.

Rule of this module: every view says of each of its characters where it stands in the text.

RE2 gets one byte a character, so that no offset has to be counted again: ASCII as it is, what looks like ASCII
(full-width and styled letters, Cyrillic and Greek twins, digits of other scripts, dashes, spaces) as what it looks
like, and a `?` for what else is not Latin-1.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.entities import html5
from itertools import accumulate

from policyroute.redact.engine import compiled
from policyroute.redact.lookalikes import PLAIN, PLAINLY
from policyroute.redact.unseen import UNSEEN
from policyroute.redact.work import MOST_TEXT, Steps

_AROUND = 80  # characters that are decoded with an escape, before it and after it
_LAST = "\uffff"
_UNLIKE = re.compile(f"[{''.join(re.escape(each) for each in PLAIN if each <= _LAST)}]+")  # one class: linear
_STYLED = re.compile("[\U0001d400-\U0001d7ff\U0001f100-\U0001f18f]+")  # apart: a class with these is slow
_HIDING = compiled(f"[!-~][{UNSEEN}]+[!-~]", latin=False)
_HIDDEN = re.compile(f"[{UNSEEN}]+")
_ESCAPE = compiled(
    r"(?:%[0-9A-Fa-f]{2})+|\\[nrt]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|&#[0-9]{1,6};|&#[xX][0-9A-Fa-f]{1,5};"
    r"|&[A-Za-z]{2,8};"
)
SHORTEST_BASE64 = 16
"""Characters of a word that may be base64 of a text."""
_BASE64 = compiled(rf"[A-Za-z0-9+/_\-]{{{SHORTEST_BASE64},}}={{0,2}}")
_TEXTUAL = bytes(range(32, 127)) + b"\t\n\r"


@dataclass(frozen=True, slots=True)
class View:
    """`data` has one byte for each character of `text`, `low` the same in lower case.

    `starts` and `ends`: of each character, in the text that is looked through; None where they are the same.
    """

    text: str
    data: bytes
    low: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None
    hiding: bool = False
    """Only what has something hidden in it, or right beside it, is new in this view."""

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Where characters `start` to `end` stand in the text. None: the text as it stands shows them as well."""
        if self.starts is None or self.ends is None:
            return start, end
        before, after = max(0, start - 1), min(len(self.ends), end + 1)
        if self.hiding and self.ends[after - 1] - self.starts[before] == after - before:
            return None
        return self.starts[start], self.ends[end - 1]


def views(text: str, steps: Steps) -> Iterator[View]:
    """The text as it stands first. Raises Exhausted."""
    steps.take(0 if len(text) <= MOST_TEXT else steps.left + 1)
    plain = _plain(text)
    first = _view(plain)
    yield first
    if not text.isascii() and _HIDING.search(plain.encode("utf-8", "replace")) is not None:
        yield _view(*_shown(plain, steps), hiding=True)
    if "%" in text or "\\" in text or "&" in text:
        yield from _unescaped(first, steps)
    yield from _decoded(first.data, steps)


def _view(text: str, starts: list[int] | None = None, ends: list[int] | None = None, *, hiding: bool = False) -> View:
    data = text.encode("latin-1", "replace")
    return View(text, data, data.lower().decode("latin-1"), starts, ends, hiding)


def _plain(text: str) -> str:
    if text.isascii():
        return text
    styled = b"\xf0" in text.encode("utf-8", "replace")  # begins every character that is not of the first plane
    text = _UNLIKE.sub(_looks_like, text)
    return _STYLED.sub(_looks_like, text) if styled else text


def _looks_like(found: re.Match[str]) -> str:
    return found[0].translate(PLAINLY)


def _shown(text: str, steps: Steps) -> tuple[str, list[int], list[int]]:
    starts: list[int] = []
    at = 0
    for found in _HIDDEN.finditer(text):
        steps.take()
        starts.extend(range(at, found.start()))
        at = found.end()
    starts.extend(range(at, len(text)))
    return _HIDDEN.sub("", text), starts, [each + 1 for each in starts]


class _Written:
    """A view while it is written."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def as_it_is(self, text: str, start: int, end: int) -> None:
        self.parts.append(text[start:end])
        self.starts.extend(range(start, end))
        self.ends.extend(range(start + 1, end + 1))

    def one(self, character: str, start: int, end: int) -> None:
        self.parts.append(character)
        self.starts.append(start)
        self.ends.append(end)

    def view(self, *, hiding: bool = False) -> View:
        text = "".join(self.parts)
        return _view(_plain(text), self.starts, self.ends, hiding=hiding)


def _unescaped(plain: View, steps: Steps) -> Iterator[View]:
    """What stands around escapes, without them; stretches that are apart are lines."""
    text, written, at = plain.text, _Written(), 0
    for found in _ESCAPE.finditer(plain.data):
        steps.take()
        start, end = found.span()
        if start - at > 2 * _AROUND or not written.parts:
            if written.parts:
                written.as_it_is(text, at, at + _AROUND)
                written.one("\n", at + _AROUND, at + _AROUND + 1)
            at = max(at, start - _AROUND)
        written.as_it_is(text, at, start)
        for character, width in _meant(found.group().decode()):
            written.one(character, start, start + width)
            start += width
        at = end
    if written.parts:
        written.as_it_is(text, at, min(len(text), at + _AROUND))
        yield written.view(hiding=True)


def _meant(escape: str) -> list[tuple[str, int]]:
    """Characters, and how many of the escape's each takes."""
    if escape[1] in "nrt":
        return [("\n", 2)]
    if escape[0] == "%":
        raw = bytes.fromhex(escape.replace("%", ""))
        try:
            return [(each, 3 * len(each.encode())) for each in raw.decode()]
        except UnicodeDecodeError:
            return [(chr(each), 3) for each in raw]
    if escape[0] == "&" and escape[1] != "#":
        named = html5.get(escape[1:], "")
        return [(named, len(escape))] if len(named) == 1 else [(each, 1) for each in escape]
    digits = escape.strip("\\uxX&#;")
    number = int(digits, 10 if escape[0] == "&" and escape[2] not in "xX" else 16)
    return [(chr(number) if number < 0xD800 or 0xE000 <= number <= 0xFFFFF else "?", len(escape))]


def _decoded(data: bytes, steps: Steps) -> Iterator[View]:
    """What is base64 of a text, all of it in one view."""
    written = _Written()
    for found in _BASE64.finditer(data):
        steps.take()
        _write_decoded(written, found.group(), found.start(), steps)
    if written.parts:
        yield written.view()


def _write_decoded(written: _Written, run: bytes, at: int, steps: Steps) -> None:
    if run.islower() or run.isupper():
        return  # a name or a path
    body = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        raw = a2b_base64(body + b"=" * (-len(body) % 4))
        text = raw.decode()
    except (Error, UnicodeDecodeError):
        return
    if text.isascii() and raw.translate(None, _TEXTUAL):
        return
    ends = range(1, len(raw) + 1) if text.isascii() else list(accumulate(len(each.encode()) for each in text))
    steps.take(1 + len(raw) // 40)
    written.parts.append(text + "\n")
    written.starts += [at, *[at + each // 3 * 4 for each in ends]]
    written.ends += [at + (each + 2) // 3 * 4 for each in ends]
    written.ends[-1] = at + len(run)
    written.ends.append(at + len(run))


Spans = Iterator[tuple[int, int, str]]
"""Where something stands in a view: start, end, kind."""
