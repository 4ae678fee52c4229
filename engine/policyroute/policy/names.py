"""What a name in a policy may hold: as a pattern for the machine, and in words for its author.

Rule of this module: a pattern has its words, or there is no such pattern.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

_WORDS: dict[str, str] = {}


def spelled(pattern: str, words: str, most: int = 128) -> Any:
    """In `Annotated[str, spelled(...)]`: a text of this pattern. `words` go on from "it may hold"."""
    _WORDS[pattern] = words
    return Field(pattern=pattern, max_length=most)


def may_hold(pattern: str) -> str:
    """What a text of this pattern is told to be."""
    return f"it may hold {_WORDS[pattern]}"
