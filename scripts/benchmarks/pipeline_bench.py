"""What becomes of a pipeline of agents when the model that it began with throttles: three strategies, ten runs each.

The scenario and the figures to compare with are those of async-router-engine (Emmimal, MIT, f279bd5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from examples.pipeline.provider import Provider

from scripts.benchmarks import pipeline_aimock, pipeline_kill
from scripts.benchmarks.pipeline_runs import (
    NO_ROUTER,
    ROUTED,
    SCENARIOS,
    SEED,
    STRATEGIES,
    SWAPPED,
    Ours,
    Run,
    troubles,
)
from scripts.benchmarks.report import Section

TITLE = "The silent swap"
RUNS = 10
AT_ONCE = 3
"""Gateways that are killed side by side."""

_ABOUT = """\
A pipeline of three agents, planner, executor and validator (`examples/pipeline`), when the model that it began with
throttles. Each agent answers by a schema of its own, and the next one goes on from that. 10 runs, seeds 42 to 51. The
scenario and the figures to compare with are those of async-router-engine, whose mock gives whoever forwards the payload
a degraded answer, whatever was sent. The one here reads the payload (`examples/pipeline/provider.py` says how): a model
trips over what it has not (a system role, JSON modes, room), and begins with step 1 unless it is told where it is.

- `schema intact` is of the answers there are, `redone` the steps that a model did again.
- Latency is computed, and nobody waits for it: 20 ms times 0.8 to 1.2 for each call of a provider, drawn by the seed.
  The delay before a swap is a column of its own.
- The same seeds give the same tables, byte for byte: `scripts/bench pipeline`.
"""
_AIMOCK = """\
The same against `@copilotkit/aimock`, a mock that others wrote, as a process of its own. It looks at the model, the
`response_format` and what the system says.
"""
_KILL = """\
`policyroute serve` is killed with -9 when the snapshot is in the state directory and the next model's address has
accepted the connection, before a byte of it is read. It is started again, and the client asks the same again:
`scripts/bench pipeline --kill`. The model that throttles is asked once more, since a new process does not know that it
does.
"""
_COLUMNS = ("completed", "schema intact", "steps", "redone", "provider calls", "latency ms", "swap delay ms")
_PUBLISHED = {
    NO_ROUTER: ("0 %", "100 % (of none)", "0.00", "", "", "57.50", ""),
    SWAPPED: ("100 %", "0 %", "3.00", "", "", "77.12", ""),
    ROUTED: ("100 %", "100 %", "3.00", "", "", "77.12", ""),
}


@dataclass(frozen=True, slots=True)
class Row:
    """Means over the runs; `intact` is the share of the answers there are, None where there is none."""

    name: str
    completed: float
    intact: float | None
    steps: float
    redone: float
    calls: float
    latency: float
    swap_delay: float

    @classmethod
    def of(cls, name: str, runs: Sequence[Run]) -> Row:
        answers = sum(len(run.done) for run in runs)
        return cls(
            name,
            fmean(run.completed for run in runs),
            sum(run.intact for run in runs) / answers if answers else None,
            answers / len(runs),
            fmean(run.redone for run in runs),
            fmean(len(run.said) for run in runs),
            fmean(run.latency(SEED + number) for number, run in enumerate(runs)),
            fmean(run.swaps * run.pause for run in runs),
        )

    @property
    def whole(self) -> bool:
        return (self.completed, self.intact, self.redone) == (1, 1, 0)

    def __str__(self) -> str:
        intact = "n/a" if self.intact is None else f"{100 * self.intact:.0f} %"
        numbers = (self.steps, self.redone, self.calls, self.latency, self.swap_delay)
        return _line(self.name, f"{100 * self.completed:.0f} %", intact, *(f"{number:.2f}" for number in numbers))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(title: str, rows: Iterable[Row], about: str = "", *, published: bool = False) -> str:
    lines = [f"### {title}", "", *([about] if about else ()), _line("", *_COLUMNS), "|---" * (len(_COLUMNS) + 1) + "|"]
    for row in rows:
        lines.append(str(row))
        if published:
            lines.append(_line("– as published", *_PUBLISHED[row.name]))
    return "\n".join([*lines, ""])


Rows = dict[str, list[Row]]
"""By scenario, one for each strategy."""


def run(*, kill: bool) -> Section:
    """It holds where Policyroute completes all of it intact, and nobody else does."""
    return asyncio.run(_run(kill=kill))


async def _run(*, kill: bool) -> Section:
    found = await ours()
    tables, held = [text(found)], all(map(_held, found.values()))
    scenario = next(iter(SCENARIOS))
    title = f"{scenario}, at another mock"
    if missing := pipeline_aimock.missing():
        tables.append(f"### {title}\n\nNot run: {missing}.\n")
    else:
        rows = await aimocked()
        held = held and _held(rows)
        tables.append(table(title, rows, _AIMOCK))
    if kill:
        rows = await killed()
        held = held and all(row.whole for row in rows)
        tables.append(table("Policyroute, killed between snapshot and swap", rows, _KILL))
    return Section("\n".join([f"## {TITLE}\n", _ABOUT, *tables]), held)


def text(found: Rows) -> str:
    tables = [table(scenario, rows, published=not number) for number, (scenario, rows) in enumerate(found.items())]
    return "\n".join(tables)


def _held(rows: Iterable[Row]) -> bool:
    return all(row.whole == (row.name == ROUTED) for row in rows)


async def ours(runs: int = RUNS) -> Rows:
    """Against the example's own provider."""
    found: Rows = {}
    for scenario, given in SCENARIOS.items():
        found[scenario] = [
            Row.of(name, await _all(strategy(Ours(troubles(given, name)), f"run-{n}") for n in range(runs)))
            for name, strategy in STRATEGIES.items()
        ]
    return found


async def aimocked(runs: int = RUNS) -> list[Row]:
    """The first scenario. One run after the other: the mock keeps one journal."""
    found: list[Row] = []
    for name, strategy in STRATEGIES.items():
        with pipeline_aimock.serving(troubles(next(iter(SCENARIOS.values())), name)) as mock:
            found.append(Row.of(name, [await strategy(mock, f"run-{n}") for n in range(runs)]))
    return found


async def killed(runs: int = RUNS) -> list[Row]:
    """Of each scenario."""
    places = asyncio.Semaphore(AT_ONCE)
    return [
        Row.of(scenario, await _all(pipeline_kill.run(Provider(given), f"run-{n}", places) for n in range(runs)))
        for scenario, given in SCENARIOS.items()
    ]


async def _all(runs: Iterable[Awaitable[Run]]) -> list[Run]:
    return await asyncio.gather(*runs)
