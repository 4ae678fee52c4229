"""Whether a second provider is needed: what swaps have saved, what they cost, and what that comes to in words.

Rule of this module: it says no more than the figures do, and each word of it with its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from policyroute.report.figures import Cell, Figures
from policyroute.report.outages import Outage, outages

ENOUGH: Final = 100
"""Requests below which nothing is said."""

_WORTH: Final = 0.001
"""The share of requests above which it is needed."""

_LONG: Final = 5
"""Minutes of one outage from which it is needed, however few requests there were."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of `requests` that somebody was asked about: `saved` failed at their first choice and somebody else answered,
    `diverted` went elsewhere and were answered since it rested, `failed` were not answered in the end, `retried` were
    answered by their first choice when it was asked again. Of `saved` and `diverted`, `broken` answers did not fit
    their schema. `extra_usd` is what `compared` of the swaps cost more; `lost_cache` input tokens that their first
    choices would have read from their caches, as often as they usually do, and nobody did."""

    requests: int
    saved: int
    diverted: int
    failed: int
    retried: int
    broken: int
    swaps: int
    compared: int
    extra_usd: float | None
    lost_cache: int
    outages: tuple[Outage, ...]

    @property
    def answer(self) -> str:
        """`yes`, `hardly`, `no`, or `unknown`."""
        if self.requests < ENOUGH:
            return "unknown"
        if not self.saved and not self.diverted:
            return "no"
        longest = self.outages[0].minutes if self.outages else 0
        return "yes" if self.saved + self.diverted >= self.requests * _WORTH or longest >= _LONG else "hardly"

    def words(self) -> list[str]:
        """Sentences, the answer first."""
        if self.answer == "unknown":
            return [f"Not enough requests to say: {self.requests} of {ENOUGH}."]
        return [_ANSWERS[self.answer], *self._helped(), *self._out(), *self._paid()]

    def _helped(self) -> list[str]:
        of = f"{self.requests:,} requests"
        share = (self.saved + self.diverted) / self.requests
        said = [f"Of {of}, {self.saved:,} failed at their first choice and were answered by another."]
        if self.diverted:
            said.append(f"{self.diverted:,} more were answered elsewhere while their first choice rested.")
        if self.saved or self.diverted:
            said.append(f"Together that is {share:.2%} of all.")
        if self.broken:
            said.append(f"{self.broken:,} of these answers did not fit their schema.")
        if self.retried:
            said.append(f"{self.retried:,} needed only a second try at the same one.")
        said.append(f"{self.failed:,} were not answered all the same.")
        return said

    def _out(self) -> list[str]:
        if not self.outages:
            return []
        longest, total = self.outages[0], sum(each.minutes for each in self.outages)
        return [
            f"First choices were out {_times(len(self.outages))}, {_minutes(total)} in all;"
            f" longest {longest.target} at {longest.provider}, {_minutes(longest.minutes)}."
        ]

    def _paid(self) -> list[str]:
        said: list[str] = []
        if self.extra_usd is not None:
            more = "more" if self.extra_usd >= 0 else "less"
            said.append(
                f"Swapping cost ${abs(self.extra_usd):,.4f} {more} than the first choices would have"
                f" ({self.compared:,} of {self.swaps:,} swaps have prices)."
            )
        if self.lost_cache:
            said.append(f"About {self.lost_cache:,} input tokens would have come from a cache and did not.")
        return said

    def as_json(self) -> dict[str, Any]:
        """docs/report.md has the fields."""
        return {
            "answer": self.answer,
            "requests": self.requests,
            "saved": self.saved,
            "diverted": self.diverted,
            "failed": self.failed,
            "retried": self.retried,
            "broken": self.broken,
            "swaps": self.swaps,
            "swaps_compared": self.compared,
            "swaps_extra_usd": self.extra_usd,
            "lost_cache_tokens": self.lost_cache,
            "outages": [each.as_json() for each in self.outages],
            "text": " ".join(self.words()),
        }


_ANSWERS: Final = {
    "yes": "Yes, a second provider was needed.",
    "hardly": "Hardly: a second provider helped a few requests only.",
    "no": "No: in this time no request needed a second provider.",
}


def judged(figures: Figures) -> Verdict:
    """What the figures say."""
    rows = figures.by(("target", "provider"))
    asked = Cell()
    for (_, provider), cell in rows.items():
        if provider != "-":
            asked.merge(cell)
    counts = asked.counts
    saved = counts["saved"]
    return Verdict(
        requests=counts["requests"],
        saved=saved,
        diverted=counts["swapped_completed"] - saved,
        failed=counts["requests"] - counts["completed"],
        retried=counts["retried"],
        broken=counts["swapped_broken"],
        swaps=asked.swaps,
        compared=counts["compared"],
        extra_usd=asked.extra_usd,
        lost_cache=sum(map(_lost, rows.values())),
        outages=tuple(outages(figures.minutes)),
    )


def _lost(cell: Cell) -> int:
    """Tokens that the first choice would have read from its cache, and the one that answered did not."""
    usual = cell.cache_hit_rate or 0.0
    return max(0, round(usual * cell.counts["swapped_input"]) - cell.counts["swapped_cached"])


def _minutes(number: int) -> str:
    return "1 minute" if number == 1 else f"{number:,} minutes"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
