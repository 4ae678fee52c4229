"""Models by vendor and id: window, output limit, prices, capabilities, as `scripts/update_catalogue.py` wrote them.

Rule of this module: what the data does not say is None, never a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_DATE: Final = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8})\Z")
_LATEST: Final = "-latest"


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens."""

    input: float | None
    cached_input: float | None
    cache_write: float | None
    output: float | None


@dataclass(frozen=True, slots=True)
class Model:
    """`above`: a number of input tokens, and the prices of a request that has more. `tiers` are the prices of service
    tiers by their names. `capabilities` is None where they are not known."""

    context_window: int | None
    max_output_tokens: int | None
    price: Rates
    capabilities: frozenset[str] | None
    above: tuple[int, Rates] | None
    tiers: Mapping[str, Rates]

    def has(self, capability: str) -> bool | None:
        return None if self.capabilities is None else capability in self.capabilities


class Models:
    """The data file's text, read once."""

    def __init__(self, text: str) -> None:
        data: dict[str, Any] = json.loads(text)
        self.source: str = data["source"]
        self.date: str = data["date"]
        self.origin = f"{self.source} of {self.date}"
        self._rows: dict[str, dict[str, list[Any]]] = data["models"]

    def vendors(self) -> frozenset[str]:
        return frozenset(self._rows)

    def names(self, vendor: str) -> tuple[str, ...]:
        return tuple(self._rows.get(vendor, ()))

    def find(self, vendor: str, name: str) -> Model | None:
        """By its id; a dated one (`-2026-01-31`, `-20260131`, `@20260131`) or `-latest` is the one without, if it has
        no row of its own."""
        rows = self._rows.get(vendor, {})
        short = _DATE.sub("", name).removesuffix(_LATEST)
        found = rows.get(name) or rows.get(short) or rows.get(short + _LATEST)
        if found is None:
            return None
        window, limit, *prices, words = found[:7]
        other: dict[str, list[Any]] = dict(found[7]) if len(found) > 7 else {}
        above = other.pop("above", None)
        return Model(
            window,
            limit,
            Rates(*prices),
            None if words is None else frozenset(words.split()),
            (above[0], Rates(*above[1:])) if above else None,
            {tier: Rates(*each) for tier, each in other.items()},
        )
