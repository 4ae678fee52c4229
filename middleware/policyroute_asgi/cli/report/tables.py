"""The figures for people: tables of 100 columns, kinds of failure, and the answer in words.

Rule of this module: it renders values and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TextIO

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from policyroute.report import Cell, Dimension, Figures, Histogram, judged

_WIDTH: Final = 100
_NONE: Final = "-"


def show(figures: Figures, dimensions: Sequence[Dimension], out: TextIO) -> None:
    """All of it."""
    console = Console(file=out, width=_WIDTH, highlight=False, emoji=False)
    rows = figures.by(dimensions)
    counted = ("requests", "done", "intact", "refused", "attempts", "failed", "swaps", "extra USD")
    console.print(
        _table("what became of requests", dimensions, counted, [(names, _ends(rows[names])) for names in rows])
    )
    measured = ("first token s", "total s", "tokens", "USD/1000", "USD", "cached")
    console.print(_table("p50 / p95 / max", dimensions, measured, [(names, _sizes(rows[names])) for names in rows]))
    failing = {names: cell for names, cell in rows.items() if cell.failed}
    if failing:
        console.print("failed attempts")
    for names, cell in failing.items():
        kinds = ", ".join(f"{kind} {number:,}" for kind, number in cell.failures.most_common())
        console.print(f"  {escape(' '.join(names))}: {kinds}")
    console.print("\nDo I need a second provider?" if failing else "Do I need a second provider?")
    console.print(escape(" ".join(judged(figures).words())))


def _table(
    title: str, dimensions: Sequence[str], columns: Sequence[str], rows: Sequence[tuple[tuple[str, ...], list[str]]]
) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in dimensions:
        table.add_column(name, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for names, figures in rows:
        table.add_row(*map(escape, names), *figures)
    return table


def _ends(cell: Cell) -> list[str]:
    counts = cell.counts
    checked = counts["intact"] + counts["broken"]
    return [
        f"{counts['requests']:,}",
        _share(counts["completed"], counts["requests"]),
        _share(counts["intact"], checked),
        f"{counts['refused']:,}",
        f"{counts['attempts']:,}",
        _share(cell.failed, counts["attempts"]),
        f"{cell.swaps:,}",
        _NONE if cell.extra_usd is None else f"{cell.extra_usd:+.4f}",
    ]


def _sizes(cell: Cell) -> list[str]:
    return [
        _spread(cell.ttft),
        _spread(cell.total),
        _spread(cell.length, digits=0),
        _spread(cell.cost, 1000, digits=3),
        f"{cell.cost_usd:,.4f}" if cell.counts["cost"] or not cell.counts["unpriced"] else _NONE,
        _share(cell.counts["cached"], cell.counts["input"]),
    ]


def _spread(histogram: Histogram, scale: float = 1, *, digits: int = 2) -> str:
    half, most = histogram.at(0.5), histogram.at(0.95)
    if half is None or most is None:
        return _NONE
    return "/".join(f"{number * scale:.{digits}f}" for number in (half, most, histogram.largest))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else _NONE
