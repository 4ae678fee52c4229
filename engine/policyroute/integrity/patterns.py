"""The patterns of one schema.

Rule of this module: RE2's, and small ones: what a client sends is compiled and kept here, so neither the time to do
that nor the memory it takes may be the client's choice. A search is paid for by what it may take at worst.
"""

from __future__ import annotations

from typing import Any, Final

import re2 as untyped_re2  # type: ignore[import-untyped]

from policyroute.integrity.work import Unusable, spend

_re2: Any = untyped_re2

MOST: Final = 50
"""Patterns of one schema that differ."""
_LONGEST: Final = 1024
_MEMORY: Final = 256 * 1024
_MOST_STEPS: Final = 20_000
"""Instructions that all of them are compiled to: some 15 ms."""
_STEPS_A_UNIT: Final = 80
"""RE2 goes through every instruction for every byte, at worst."""


class Pattern:
    __slots__ = ("_found", "size", "text")

    def __init__(self, text: str, place: str) -> None:
        """Raises Unusable."""
        options: Any = _re2.Options()
        options.max_mem = _MEMORY
        options.log_errors = False
        options.never_capture = True
        if len(text) > _LONGEST:
            raise Unusable(f"{place} is too long a pattern")
        try:
            compiled = _re2.compile(text.encode("utf-8", "replace"), options)
        except _re2.error:
            raise Unusable(f"{place} is no pattern of RE2's, or too large") from None
        self.text = text
        self.size = int(compiled.programsize)
        self._found = compiled.search

    def matches(self, text: str) -> bool:
        """Anywhere in it."""
        data = text.encode("utf-8", "replace")
        spend(2 + len(data) * self.size // _STEPS_A_UNIT)
        return self._found(data) is not None


class Patterns:
    """Each is compiled once."""

    def __init__(self) -> None:
        self._known: dict[str, Pattern] = {}
        self._steps = 0

    def of(self, text: Any, place: str) -> Pattern:
        """Raises Unusable."""
        if not isinstance(text, str):
            raise Unusable(f"{place} is no pattern")
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= MOST:
                raise Unusable("the schema has too many patterns")
            found = self._known[text] = Pattern(text, place)
            self._steps += found.size
            if self._steps > _MOST_STEPS:
                raise Unusable("the schema's patterns are too large")
        return found
