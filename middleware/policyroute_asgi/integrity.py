"""How often each model's answers fit each schema, of late.

Rule of this module: bounded, and what is old counts for less. A schema is known by its hash.
"""

from __future__ import annotations

from collections import OrderedDict
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
        self._rows: OrderedDict[tuple[str, str, str], Row] = OrderedDict()

    def note(self, provider: str, model: str, schema: str, intact: bool) -> None:
        of = (provider, model, schema)
        before = self._rows.pop(of, None) or Row(*of, 0.0, 0.0)
        self._rows[of] = Row(*of, before.samples * DECAY + 1.0, before.intact * DECAY + intact)
        if len(self._rows) > MOST:
            self._rows.popitem(last=False)

    def rows(self) -> list[Row]:
        """The latest last. From any thread."""
        return list(self._rows.values())
