"""RE2 as this room uses it: bytes in, one byte a character.

Rule of this module: nothing here backtracks, and a pattern that RE2 refuses is the author's error, told as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import re2 as untyped_re2  # type: ignore[import-untyped]

_re2: Any = untyped_re2

Refused: type[Exception] = _re2.error


class Match(Protocol):
    """What is used of RE2's."""

    def start(self, group: int = 0, /) -> int: ...
    def end(self, group: int = 0, /) -> int: ...
    def span(self, group: int = 0, /) -> tuple[int, int]: ...
    def group(self, group: int = 0, /) -> bytes: ...


class Pattern(Protocol):
    """What is used of RE2's. `pos` and `endpos`: bytes."""

    def search(self, text: bytes, pos: int | None = None, endpos: int | None = None, /) -> Match | None: ...
    def match(self, text: bytes, pos: int | None = None, endpos: int | None = None, /) -> Match | None: ...
    def fullmatch(self, text: bytes, pos: int | None = None, endpos: int | None = None, /) -> Match | None: ...
    def finditer(self, text: bytes, pos: int | None = None, endpos: int | None = None, /) -> Iterator[Match]: ...


class Several:
    """Patterns of ours that are tried together, in one pass. Raises Refused."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._set: Any = _re2.Set.FullMatchSet(_options(latin=True))
        for each in patterns:
            self._set.Add(each.encode("latin-1"))
        self._set.Compile()

    def matching(self, text: bytes) -> list[int]:
        """The places of those that all of the text matches, in order."""
        return sorted(self._set.Match(text) or ())


def _options(*, latin: bool) -> Any:
    options: Any = _re2.Options()
    options.log_errors = False
    if latin:
        options.encoding = _re2.Options.Encoding.LATIN1
    return options


def compiled(pattern: str, *, latin: bool = True) -> Pattern:
    """`latin`: one byte is one character, for our own patterns; else UTF-8. Raises Refused."""
    result: Pattern = _re2.compile(pattern.encode("latin-1" if latin else "utf-8", "replace"), _options(latin=latin))
    return result
