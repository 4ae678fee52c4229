"""Authors' patterns: RE2, and no more work than is foreseen.

Rule of this module: each match is linear, all of them are not; whoever asks for more than the bound gets Exhausted,
never half of what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import re2 as untyped_re2  # type: ignore[import-untyped]

from policyroute.exhausted import Exhausted
from policyroute.scrub.profile import Ranges

_re2: Any = untyped_re2

_READ: Final = 30_000_000
"""Bytes that all matches of a pattern may read, if each reads all that is left."""
_FEWEST: Final = 8
_LONGEST: Final = 10_000
_ANYTHING: Final = (b"You are a helper.\n\n## Rules\n- \xe2\x82\xac 9", b"x", b"- 7: _Zq_;", b"\t# {'a': 1}")
"""Texts that have nothing in common."""


class NoPattern(Exception):
    """What an author wrote is no pattern that can be used: why."""


def ranges(pattern: str) -> Ranges:
    """Where in a text the pattern matches; an empty match is none. Raises NoPattern."""
    compiled = _compiled(pattern)
    if compiled.fullmatch(b"") is not None:
        raise NoPattern("it matches nothing at all, which is everywhere")
    if all(compiled.fullmatch(sample) is not None for sample in _ANYTHING):
        raise NoPattern("it takes everything")

    def found(text: str) -> list[tuple[int, int]]:
        raw = text.encode("utf-8", "surrogatepass")
        most = max(_FEWEST, _READ // (len(raw) + 1))
        spans: list[tuple[int, int]] = []
        for match in compiled.finditer(raw):
            start, end = match.span()
            if start < end:
                spans.append((start, end))
            if len(spans) > most:
                raise Exhausted
        return spans if len(raw) == len(text) else _characters(raw, spans)

    return found


def titles(pattern: str) -> Callable[[str], bool]:
    """Whether the pattern is found in a heading. Raises NoPattern."""
    compiled = _compiled(pattern)
    return lambda title: compiled.search(title.encode("utf-8", "surrogatepass")) is not None


def _compiled(pattern: str) -> Any:
    if len(pattern) > _LONGEST:
        raise NoPattern("it is too long")
    options = _re2.Options()
    options.log_errors = False
    try:
        return _re2.compile(pattern.encode("utf-8"), options=options)
    except (_re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else "not RE2"
        raise NoPattern(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None


def _characters(raw: bytes, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Bytes to characters, in one pass."""
    found: list[tuple[int, int]] = []
    at = characters = 0
    for start, end in spans:
        characters += len(raw[at:start].decode("utf-8", "surrogatepass"))
        length = len(raw[start:end].decode("utf-8", "surrogatepass"))
        found.append((characters, characters + length))
        characters, at = characters + length, end
    return found
