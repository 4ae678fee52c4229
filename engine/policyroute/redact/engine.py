"""RE2 as this room uses it: bytes in, one byte a character.

Rule of this module: nothing here backtracks, and a pattern that RE2 refuses is the author's error, told as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, cast

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


def _made(pattern: str, *, latin: bool) -> Pattern:
    result: Pattern = _re2.compile(pattern.encode("latin-1" if latin else "utf-8", "replace"), _options(latin=latin))
    return result


class _Ours:
    """A pattern of ours, made when it is first asked: most gateways look for nothing, and all of them take 3 MB."""

    def __init__(self, pattern: str, *, latin: bool) -> None:
        self._pattern = pattern
        self._latin = latin

    def __getattr__(self, name: str) -> Any:
        made = _made(self._pattern, latin=self._latin)
        for each in ("search", "match", "fullmatch", "finditer"):
            setattr(self, each, getattr(made, each))  # from now on nobody asks here
        asked: Any = getattr(made, name)
        return asked


def compiled(pattern: str, *, latin: bool = True) -> Pattern:
    """A pattern of ours. `latin`: one byte is one character; else it is UTF-8."""
    return cast("Pattern", _Ours(pattern, latin=latin))


def of_author(pattern: str) -> Pattern:
    """An author's: UTF-8. Raises Refused."""
    return _made(pattern, latin=False)
