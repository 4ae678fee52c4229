"""Figures beside their budgets, as a table for people and for docs/benchmarks.md."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `limit` None means it is only told, not judged."""

    what: str
    measured: float
    unit: str
    limit: float | None = None
    detail: str = ""

    @property
    def held(self) -> bool:
        return self.limit is None or self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Section:
    """Of the page. `held`: all that is promised in it is so."""

    text: str
    held: bool


def percentile(samples: list[float], share: float) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """How many milliseconds it takes, and what it gives."""
    started = time.perf_counter()
    given = work()
    return (time.perf_counter() - started) * 1000, given


def usual_and_worst(what: str, samples: list[float], limits: tuple[float, float], detail: str) -> list[Figure]:
    """Of milliseconds: p50 and p99, each with its limit."""
    return [
        Figure(f"{what}, {name}", percentile(samples, share), "ms", limit, detail)
        for name, share, limit in (("p50", 0.5, limits[0]), ("p99", 0.99, limits[1]))
    ]


def section(title: str, figures: list[Figure]) -> Section:
    return Section(markdown(title, figures), all(figure.held for figure in figures))


def markdown(title: str, figures: list[Figure]) -> str:
    lines = [f"## {title}", "", "| what | measured | budget | held | detail |", "|---|---|---|---|---|"]
    for figure in figures:
        budget = "" if figure.limit is None else f"{figure.limit:g} {figure.unit}"
        held = "" if figure.limit is None else ("yes" if figure.held else "**no**")
        lines.append(f"| {figure.what} | {figure.measured:.4g} {figure.unit} | {budget} | {held} | {figure.detail} |")
    return "\n".join(lines) + "\n"
