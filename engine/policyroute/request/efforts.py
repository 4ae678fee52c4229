"""How hard to think: efforts by name, and the tokens that they stand for where one side says only the other.

Rule of this module: the one table. The steps are ours; vendors say none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

EFFORTS: Final[tuple[Effort, ...]] = get_args(Effort)
"""Efforts by name, the smallest first."""

_TOKENS: Final[Mapping[str, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_768,
}


def tokens_of(effort: str) -> int:
    """What an effort may use; nothing for a word that is none."""
    return _TOKENS.get(effort, 0)


def effort_of(tokens: int) -> str:
    """The effort that is nearest from below. Whoever may think at all thinks at least a little."""
    if tokens <= 0:
        return "none"
    return next((name for name in reversed(EFFORTS[1:]) if _TOKENS[name] <= tokens), "minimal")
