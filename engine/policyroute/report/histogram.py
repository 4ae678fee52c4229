"""How a number is distributed, in little room however many there are.

Rule of this module: a bucket is 5 % wide, so that a percentile is told to within 2.5 %; the largest is exact.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

_GROWTH: Final = 1.05
_SCALE: Final = 1 / math.log(_GROWTH)
_ZERO: Final = -(10**6)
"""The bucket of 0, below all others."""


@dataclass(slots=True)
class Histogram:
    """Of numbers that are 0 or more, in any unit."""

    buckets: Counter[int] = field(default_factory=Counter[int])
    largest: float = 0.0

    def add(self, number: float) -> None:
        """One more. What is below 0 counts as 0."""
        self.buckets[math.floor(math.log(number) * _SCALE) if number > 0 else _ZERO] += 1
        self.largest = max(self.largest, number)

    def merge(self, other: Histogram) -> None:
        """Those of `other` too."""
        self.buckets.update(other.buckets)
        self.largest = max(self.largest, other.largest)

    def at(self, share: float) -> float | None:
        """The least number that this share (0..1) of all does not exceed, within 2.5 %; None where there are none."""
        rank, seen = math.ceil(share * self.buckets.total()), 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                return 0.0 if bucket == _ZERO else min(_GROWTH ** (bucket + 0.5), self.largest)
        return None

    def as_json(self) -> dict[str, Any]:
        """p50, p95 and max, null where there are none."""
        return {
            "p50": _short(self.at(0.5)),
            "p95": _short(self.at(0.95)),
            "max": self.largest if self.buckets else None,
        }


def _short(number: float | None) -> float | None:
    """More than four digits would claim more than is known."""
    return None if number is None else float(f"{number:.4g}")
