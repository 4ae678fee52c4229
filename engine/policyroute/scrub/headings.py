"""Sections of a text, by their headings: Markdown (`## Rules`, underlined, bold), labels (`Rules:`) and XML blocks.

Rule of this module: where it is not certain that a section ends, it goes on; a heading begins one wherever it stands,
but in a block of code it ends none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from policyroute.exhausted import Exhausted

_MARKDOWN: Final = re.compile(r"\s{0,3}(#{1,6})[ \t]+(\S.*)")
_BOLD: Final = re.compile(r"\s{0,3}(?:\*\*|__)([^*_\n]{1,120})(?:\*\*|__):?\s*")
_RULED: Final = re.compile(r"\s{0,3}([=~*-])\1+[ \t]*([^\s=~*-][^=~*\n]{0,118}?)[ \t]*\1{2,}\s*")
_BRACKETS: Final = re.compile(r"\s{0,3}\[([^\[\]\n]{1,80})\]:?\s*")
_BEFORE: Final = re.compile(r"[\W\d_]+")
"""Numbers and signs that a title may begin with."""
_LABEL: Final = re.compile(r"\s{0,3}(?:\*\*|__)?([A-Za-z][^:*_\n]{0,60})(?:\*\*|__)?:(?:\*\*|__)?(?:\s+(.*)|)")
_BLOCK: Final = re.compile(r"\s{0,8}<([A-Za-z][\w.-]{0,63})(?:\s[^<>]{0,200})?>")
_FENCE: Final = re.compile(r"\s{0,3}(```|~~~)")
_UNDERLINE: Final = re.compile(r"\s{0,3}(=+|-+)\s*")
_LONGEST: Final = 200
"""Characters of a line that may be a heading of these kinds. Longer lines are text."""

_LINES: Final = 20_000
_MOST: Final = 5_000
"""Lines of a text, and headings in it."""

_ON_A_LINE, _WITH_TEXT = 8, 9
"""Levels of labels, below all of Markdown's and bold lines."""
_IN_BOLD: Final = 7  # and between rules, or in brackets


@dataclass(slots=True)
class _Heading:
    start: int
    level: int
    title: str
    ends: bool
    until: int | None = None
    """Where its section ends at the latest."""
    brackets: bool = False
    """It ends only sections of such headings: a line in brackets may be anything."""


def sections(text: str, wanted: Callable[[str], bool]) -> list[tuple[int, int]]:
    """The sections whose heading `wanted` takes, with their headings. Characters; one may lie in another.
    Raises Exhausted."""
    if text.count("\n") > _LINES:
        raise Exhausted
    headings = list(_headings(text))
    if len(headings) > _MOST:
        raise Exhausted
    found: list[tuple[int, int]] = []
    for at, heading in enumerate(headings):
        if wanted(heading.title) or wanted(_BEFORE.sub("", heading.title, count=1)):
            found.append((heading.start, _end(headings, at, len(text))))
    return found


def _end(headings: list[_Heading], at: int, length: int) -> int:
    first = headings[at]
    latest = length if first.until is None else first.until
    if not first.level:
        return latest
    for later in headings[at + 1 :]:
        if later.start >= latest:
            break
        if later.ends and 0 < later.level <= first.level and (first.brackets or not later.brackets):
            return later.start
    return latest


def _headings(text: str) -> Iterator[_Heading]:
    """In order. A block's level is 0: it ends where it is closed, and whatever began in it ends there too."""
    blocks = _blocks(text)
    fenced = ""
    enclosing: list[int] = []
    before: tuple[int, str] | None = None
    for start, line in _lines(text):
        while enclosing and enclosing[-1] <= start:
            enclosing.pop()
        within = enclosing[-1] if enclosing else None
        if start in blocks:
            name, inner, until = blocks[start]
            enclosing.append(inner if within is None else min(inner, within))
            yield _Heading(start, 0, name, not fenced, until if within is None else min(until, within))
            before = None
            continue
        fence = _FENCE.match(line)
        if fence and (not fenced or fence[1] == fenced):
            fenced = "" if fenced else fence[1]
        elif before and _UNDERLINE.fullmatch(line) and _is_title(before[1]):
            level = 1 if "=" in line else 2
            yield _Heading(before[0], level, before[1].strip(), not fenced, within)
        elif said := _said(line):
            yield _Heading(start, said[0], said[1], not fenced, within)
        elif len(line) <= _LONGEST and (brackets := _BRACKETS.fullmatch(line)):
            yield _Heading(start, _IN_BOLD, brackets[1].strip(), not fenced, within, brackets=True)
        before = (start, line)


def _said(line: str) -> tuple[int, str] | None:
    """Level and words of a line that is a heading."""
    if marked := _MARKDOWN.match(line):
        return len(marked[1]), marked[2].strip().rstrip("#").strip(" *_:")
    if len(line) <= _LONGEST and (bold := _BOLD.fullmatch(line)):
        return _IN_BOLD, bold[1].strip(" :")
    if len(line) <= _LONGEST and (ruled := _RULED.fullmatch(line)):
        return _IN_BOLD, ruled[2].strip()
    label = _LABEL.match(line) if ":" in line[:80] else None
    if label is None:
        return None
    return (_WITH_TEXT if (label[2] or "").strip() else _ON_A_LINE), label[1].strip()


def _is_title(line: str) -> bool:
    return bool(line.strip()) and len(line) <= _LONGEST and not _MARKDOWN.match(line)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, text[start:end]
        start = end + 1


_CLOSING: Final = re.compile(r"<(/?)([A-Za-z][\w.-]{0,63})(?:\s[^<>]{0,200})?>")


def _blocks(text: str) -> dict[int, tuple[str, int, int]]:
    """The start of each line that opens a block, to its name, and to where its end begins and ends; the text's end
    where it has none."""
    if "<" not in text:
        return {}
    opening = {start: match for start, line in _lines(text) if (match := _BLOCK.match(line))}
    if not opening:
        return {}
    names = {match[1] for match in opening.values()}
    places = {start + match.start(1) - 1: start for start, match in opening.items()}
    open_: dict[str, list[int]] = {}
    found: dict[int, tuple[int, int]] = {}
    for tag in _CLOSING.finditer(text):
        name = tag[2]
        if name not in names:
            continue
        if not tag[1]:
            open_.setdefault(name, []).append(tag.start())
        elif begun := open_.get(name):
            place = begun.pop()
            if place in places:
                found[places[place]] = tag.span()
    nowhere = (len(text), len(text))
    return {start: (_SPACED.sub(" ", match[1]), *found.get(start, nowhere)) for start, match in opening.items()}


_SPACED: Final = re.compile(r"[_-]")
