"""Models by vendor and id: window, output limit, prices, capabilities, as `scripts/update_catalogue.py` wrote them.

Rule of this module: what the data does not say is None, never a guess.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_DATE: Final = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8})\Z")
_LATEST: Final = "-latest"


@dataclass(frozen=True, slots=True)
class Model:
    """Prices are USD per million tokens. `capabilities` is None where they are not known."""

    context_window: int | None
    max_output_tokens: int | None
    input: float | None
    cached_input: float | None
    cache_write: float | None
    output: float | None
    capabilities: frozenset[str] | None

    def has(self, capability: str) -> bool | None:
        return None if self.capabilities is None else capability in self.capabilities


class Models:
    """The data file's text, read once."""

    def __init__(self, text: str) -> None:
        data: dict[str, Any] = json.loads(text)
        self.source: str = data["source"]
        self.date: str = data["date"]
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
        window, limit, fresh, cached, write, output, words = found
        return Model(window, limit, fresh, cached, write, output, None if words is None else frozenset(words.split()))
