"""The figures of requests, by hour, profile, target and provider.

Rule of this module: all that is kept are counts, whole sums and histograms, so that merging loses nothing: money is
counted in whole billionths of a dollar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from policyroute.failures import DEFAULT_AFTER, FailureKind
from policyroute.report.histogram import Histogram
from policyroute.report.line import NOWHERE, Place, Told, Try

_BILLION: Final = 10**9

_DOWN: Final = frozenset(kind.value for kind in DEFAULT_AFTER - {FailureKind.CONTEXT_OVERFLOW})
"""Failures that are the provider's own, whatever was asked."""

Dimension = Literal["hour", "profile", "target", "provider"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("hour", "profile", "target", "provider")


class Key(NamedTuple):
    """What figures are kept by. `hour` is UTC, as `2026-03-01T12`."""

    hour: str
    profile: str
    target: str
    provider: str


@dataclass(slots=True)
class Cell:
    """The figures of one key, or of several merged.

    `counts`, of requests by the last that was asked: `requests`, `completed`, `intact`, `broken`. Of attempts by whom
    was asked: `attempts`, `refused`, `input`, `cached`, `output` (tokens), `cost` (billionths of a USD), `unpriced`.
    Of requests by whom they left: `failed_over` (it had failed) and `diverted` (it rested), `swapped_completed`,
    `saved` (completed after it had failed), `swapped_broken`, `extra` (billionths of a USD more than without, may be
    below 0) of `compared` requests, and their `swapped_input` and `swapped_cached` tokens. `retried`: the first attempt
    failed, and the same one answered. `failures` are attempts by kind. `ttft` (streams) and `total` are seconds of
    attempts that went well, `length` output tokens of those, `cost` USD of requests.
    """

    counts: Counter[str] = field(default_factory=Counter[str])
    failures: Counter[str] = field(default_factory=Counter[str])
    ttft: Histogram = field(default_factory=Histogram)
    total: Histogram = field(default_factory=Histogram)
    length: Histogram = field(default_factory=Histogram)
    cost: Histogram = field(default_factory=Histogram)

    def merge(self, other: Cell) -> None:
        """Those of `other` too."""
        self.counts.update(other.counts)
        self.failures.update(other.failures)
        self.ttft.merge(other.ttft)
        self.total.merge(other.total)
        self.length.merge(other.length)
        self.cost.merge(other.cost)

    @property
    def failed(self) -> int:
        """Attempts that failed."""
        return self.failures.total()

    @property
    def swaps(self) -> int:
        """Requests that others were asked about instead."""
        return self.counts["failed_over"] + self.counts["diverted"]

    @property
    def cost_usd(self) -> float:
        """Of all attempts that have a price."""
        return self.counts["cost"] / _BILLION

    @property
    def extra_usd(self) -> float | None:
        """What swaps cost more than none would have; None where that is known of none of them."""
        return self.counts["extra"] / _BILLION if self.counts["compared"] else None

    @property
    def cache_hit_rate(self) -> float | None:
        """The share of input tokens that was read from a cache."""
        return ratio(self.counts["cached"], self.counts["input"])

    def as_json(self) -> dict[str, Any]:
        """docs/report.md has the fields."""
        counts = self.counts
        plain = (
            "requests",
            "completed",
            "intact",
            "broken",
            "attempts",
            "refused",
            "failed_over",
            "diverted",
            "retried",
        )
        return {
            **{name: counts[name] for name in plain},
            "failed": self.failed,
            "failure_rate": ratio(self.failed, counts["attempts"]),
            "failures": dict(sorted(self.failures.items())),
            "swaps": self.swaps,
            "swaps_compared": counts["compared"],
            "swaps_extra_usd": self.extra_usd,
            "input_tokens": counts["input"],
            "cached_input_tokens": counts["cached"],
            "output_tokens": counts["output"],
            "cache_hit_rate": self.cache_hit_rate,
            "cost_usd": self.cost_usd,
            "unpriced_attempts": counts["unpriced"],
            "request_cost_usd": self.cost.as_json(),
            "answer_tokens": self.length.as_json(),
            "ttft_s": self.ttft.as_json(),
            "total_s": self.total.as_json(),
        }


def ratio(part: int, whole: int) -> float | None:
    """None where there is nothing to be a part of."""
    return part / whole if whole else None


@dataclass(slots=True)
class Figures:
    """All of them. `minutes` has, by first choice and minute since 1970, how many requests it answered itself, and how
    many others were asked about instead or it failed: for outages. Memory grows with hours and names only.
    """

    cells: dict[Key, Cell] = field(default_factory=dict[Key, Cell])
    minutes: dict[tuple[Place, int], tuple[int, int]] = field(default_factory=dict[tuple[Place, int], tuple[int, int]])

    def add(self, told: Told) -> None:
        """One request."""
        hour, tries = told.hour, told.tries
        _ended(self._cell(hour, told.profile, tries[-1].place if tries else NOWHERE), told)
        for each in tries:
            _tried(self._cell(hour, told.profile, each.place), each, stream=told.stream)
        if not tries:
            return
        first = tries[0].place if told.left is None else told.left
        if told.left is not None:
            _left(self._cell(hour, told.profile, first), told)
        out = _out(told)
        self._minute((first, int(told.at // 60)), int(not out), int(out))

    def merge(self, other: Figures) -> None:
        """Those of `other` too."""
        for key, cell in other.cells.items():
            self.cells.setdefault(key, Cell()).merge(cell)
        for minute, (good, bad) in other.minutes.items():
            self._minute(minute, good, bad)

    def by(self, dimensions: Sequence[Dimension]) -> dict[tuple[str, ...], Cell]:
        """Merged over all that is not asked for, in order; without dimensions the sum of all, under `()`."""
        rows: dict[tuple[str, ...], Cell] = {}
        for key, cell in self.cells.items():
            rows.setdefault(tuple(getattr(key, each) for each in dimensions), Cell()).merge(cell)
        return dict(sorted(rows.items()))

    def _cell(self, hour: str, profile: str, place: Place) -> Cell:
        key = Key(hour, profile, *place)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell()
        return cell

    def _minute(self, key: tuple[Place, int], good: int, bad: int) -> None:
        was_good, was_bad = self.minutes.get(key, (0, 0))
        self.minutes[key] = was_good + good, was_bad + bad


def _ended(cell: Cell, told: Told) -> None:
    counts = cell.counts
    counts["requests"] += 1
    counts["completed"] += told.completed
    if told.intact is not None:
        counts["intact" if told.intact else "broken"] += 1
    if told.cost is not None:
        cell.cost.add(told.cost)
    if told.completed and told.left is None and len(told.tries) > 1 and told.tries[0].failure:
        counts["retried"] += told.tries[0].place == told.tries[-1].place


def _out(told: Told) -> bool:
    """Whether the first choice was of no use to it, for a reason of its own."""
    if told.left is not None:
        return told.diverted or told.tries[0].failure in _DOWN
    return told.tries[-1].failure in _DOWN


def _tried(cell: Cell, each: Try, *, stream: bool) -> None:
    counts = cell.counts
    counts["attempts"] += 1
    counts["refused"] += each.refused
    counts["input"] += each.input or 0
    counts["cached"] += min(each.cached or 0, each.input or 0)
    counts["output"] += each.output or 0
    if each.cost is not None:
        counts["cost"] += round(each.cost * _BILLION)
    elif each.input is not None:
        counts["unpriced"] += 1
    if each.failure:
        cell.failures[each.failure] += 1
    if each.ok:
        if stream and each.ttft is not None:
            cell.ttft.add(each.ttft / 1000)
        if each.total is not None:
            cell.total.add(each.total / 1000)
        if each.output is not None:
            cell.length.add(each.output)


def _left(cell: Cell, told: Told) -> None:
    """The first choice was left."""
    counts, last = cell.counts, told.tries[-1]
    counts["diverted" if told.diverted else "failed_over"] += 1
    counts["swapped_completed"] += told.completed
    counts["saved"] += told.completed and not told.diverted
    counts["swapped_broken"] += told.completed and told.intact is False
    if told.unswapped is not None and told.cost is not None:
        counts["compared"] += 1
        counts["extra"] += round((told.cost - told.unswapped) * _BILLION)
    if told.completed and last.input is not None:
        counts["swapped_input"] += last.input
        counts["swapped_cached"] += min(last.cached or 0, last.input)
