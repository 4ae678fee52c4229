"""How often each model's answers fit each schema, of late.

Rule of this module: bounded, and what is old counts for less. A schema is known by its hash.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

DECAY: Final = 0.98
"""What a sample is worth when the next one comes: about the last 50 count."""
MOST: Final = 4096
"""Rows that are known at once; the one that was noted longest ago goes first."""


class Row(NamedTuple):
    """`intact` of `samples` answers fit, both weighed by their age."""

    provider: str
    model: str
    schema: str
    samples: float
    intact: float


class Integrity:
    def __init__(self) -> None:
        self._rows: OrderedDict[tuple[str, str, str], tuple[float, float]] = OrderedDict()

    def note(self, provider: str, model: str, schema: str, intact: bool) -> None:
        key = (provider, model, schema)
        samples, fit = self._rows.pop(key, (0.0, 0.0))
        self._rows[key] = (samples * DECAY + 1.0, fit * DECAY + intact)
        if len(self._rows) > MOST:
            self._rows.popitem(last=False)

    def rows(self) -> Iterator[Row]:
        """The latest last."""
        for key, counts in list(self._rows.items()):
            yield Row(*key, *counts)

    def share(self, provider: str, model: str, schema: str) -> float | None:
        """Of its answers, the part that fits; None where there is none yet."""
        found = self._rows.get((provider, model, schema))
        return found[1] / found[0] if found is not None else None
