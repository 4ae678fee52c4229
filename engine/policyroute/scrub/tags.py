"""Tags in texts that an author wrote: `<confidential> ... </confidential>`.

Rule of this module: a tag is exactly what is documented. Whatever looks like one and is none, and one that has no
partner, is the author's mistake and is never guessed at.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from policyroute.exhausted import Exhausted
from policyroute.scrub.folding import AT_ONCE, folded


@dataclass(frozen=True, slots=True)
class Tagged:
    """`spans`: for each tag's name what it encloses; `markup`: the tags themselves. Characters."""

    spans: dict[str, list[tuple[int, int]]]
    markup: list[tuple[int, int]]


class Untidy(Exception):
    """Tags that cannot be read as they are meant: why, and at which character of the text."""

    def __init__(self, why: str, at: int) -> None:
        self.why = why
        self.at = at
        super().__init__(why)


_MOST: Final = 10_000
"""Tags in one text, and what may be letters written otherwise."""
_LONGEST: Final = 1_000_000
_AT_MOST: Final = 192
"""Characters of the beginning of a tag."""
_NEVER: Final = re.compile(r"(?!)")


@lru_cache(maxsize=64)
def _patterns(names: frozenset[str]) -> tuple[re.Pattern[str], re.Pattern[str], frozenset[str]]:
    """Of a tag, and of whatever may be meant for one. Both are linear: each part excludes what follows it."""
    if not names:
        return _NEVER, _NEVER, frozenset()
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    exact = re.compile(rf"<(/?)({listed})(?:[ \t\r\n][^<>]{{0,200}})?>", re.IGNORECASE)
    loose = re.compile(r"<(\s{0,8}[/\\]?\s{0,8})([^\s<>/\\]{1,64})(\s{0,8}[/\\]?>|\s{1,8}[\w:-]{1,64}\s{0,8}=)?")
    return exact, loose, frozenset(folded(name) for name in names)


def may_have(text: str, names: frozenset[str]) -> bool:
    """Whether there may be a tag in it, or what is meant for one."""
    if not names:
        return False
    return "<" in text or "&" in text or not text.isascii() or "\\u003c" in text.lower() or "%3c" in text.lower()


def tagged(text: str, names: frozenset[str]) -> Tagged | None:
    """None where there are none. Raises Untidy and Exhausted."""
    if not may_have(text, names):
        return None
    if len(text) > _LONGEST:
        raise Exhausted
    exact, loose, wanted = _patterns(names)
    found = list(exact.finditer(text))
    meant = _meant(text, loose, wanted)
    if len(meant) != len(found):
        raise Untidy("something is meant for a tag that is none: escaped, disguised or cut off", _odd(meant, found))
    if not found:
        return None
    if len(found) > _MOST:
        raise Untidy("too many tags", found[_MOST].start())
    return _paired(found)


def _odd(meant: list[int], found: list[re.Match[str]]) -> int:
    """Where the first is that is no tag; about there, in a text with letters that are written otherwise."""
    exact = {match.start() for match in found}
    return next((at for at in meant if at not in exact), found[0].start() if found else 0)


def _meant(text: str, loose: re.Pattern[str], wanted: frozenset[str]) -> list[int]:
    """Where somebody who reads it would see tags."""
    plain = folded(_unescaped(text))
    return [
        match.start()
        for start in range(0, len(plain), AT_ONCE)
        for match in loose.finditer(plain, start, start + AT_ONCE + _AT_MOST)
        if match.start() < start + AT_ONCE and _looks_like(match[2], wanted) and not _compares(match)
    ]


def _compares(match: re.Match[str]) -> bool:
    """Whether it is less than something, and no tag: `stock < required`."""
    return match[1].isspace() and match[3] is None


def _unescaped(text: str) -> str:
    """What is escaped twice too."""
    if "&" in text:
        if text.count("&") > _MOST:
            raise Exhausted
        text = html.unescape(html.unescape(text))
    if "\\u" in text or "%" in text or "\\x" in text:
        text = _BRACKET.sub("<", text)
    return text


_BRACKET: Final = re.compile(r"\\u003c|\\x3c|%3c", re.IGNORECASE)


def _looks_like(word: str, wanted: frozenset[str]) -> bool:
    """The name of a tag, or one with some letters that are no ASCII in the place of its own."""
    word = word.rstrip(";:,.!?'\"")
    if word.isascii():
        return word in wanted
    return any(_disguised(word, name) for name in wanted if len(name) == len(word))


def _disguised(word: str, name: str) -> bool:
    same = sum(1 for one, other in zip(word, name, strict=True) if one == other)
    odd = sum(1 for one in word if not one.isascii())
    return same + odd == len(name) and same * 2 >= len(name)


def _paired(found: list[re.Match[str]]) -> Tagged:
    spans: dict[str, list[tuple[int, int]]] = {}
    open_: list[tuple[str, re.Match[str]]] = []
    for match in found:
        name = match[2].lower()
        if not match[1]:
            open_.append((name, match))
        elif not open_:
            raise Untidy("a tag ends that did not begin", match.start())
        elif open_[-1][0] != name:
            raise Untidy("a tag ends before one that it encloses", match.start())
        else:
            spans.setdefault(name, []).append((open_.pop()[1].end(), match.start()))
    if open_:
        raise Untidy("a tag begins and does not end", open_[-1][1].start())
    return Tagged({name: sorted(each) for name, each in spans.items()}, [match.span() for match in found])
