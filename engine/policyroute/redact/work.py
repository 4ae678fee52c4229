"""How much looking through a text may take.

Rule of this module: counts of steps, never a clock, so that the same text always has the same answer.
"""

from __future__ import annotations

from policyroute.exhausted import Exhausted

MOST_TEXT = 500_000
"""Characters of one text that are looked through; a longer one is refused."""
MOST_STEPS = 30_000
"""Places of one text that are looked at twice: candidates, keywords, escapes, matches of an author's pattern."""


class Steps:
    """Those that are left for one text."""

    __slots__ = ("left",)

    def __init__(self, most: int = MOST_STEPS) -> None:
        self.left = most

    def take(self, count: int = 1) -> None:
        """Raises Exhausted when there are no more."""
        self.left -= count
        if self.left < 0:
            raise Exhausted
