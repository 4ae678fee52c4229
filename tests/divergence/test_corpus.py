"""Recorded runs of agents with labels: loops are found, and nothing else is. Skipped where they are not there."""

from __future__ import annotations

from functools import cache

import pytest

from scripts.benchmarks.divergence_bench import first, flagged, hits
from scripts.benchmarks.trajectories import CORPUS, Run, labels, runs

pytestmark = pytest.mark.skipif(
    not (CORPUS / "trajectories.jsonl.gz").is_file(), reason=f"{CORPUS} has no trajectories"
)


@cache
def found() -> tuple[Run, ...]:
    return tuple(runs())


@cache
def flags() -> dict[str, tuple[int, str] | None]:
    return {run["id"]: first(run) for run in found()}


def test_hard_loops_are_found_and_nothing_else_is() -> None:
    seen = hits(labels(), flags())
    assert seen.count("L")[1] == 28 and seen.count("N")[1] == 30
    assert seen.precision >= 0.95
    assert seen.recall >= 0.95


def test_agents_that_serve_customers_are_left_alone() -> None:
    runs_ = [run for run in found() if run["source"] == "taubench"]
    assert len(runs_) > 100
    assert len(flagged(runs_, flags())) / len(runs_) <= 0.01


def test_few_of_those_that_are_flagged_would_have_made_it() -> None:
    code = [run for run in found() if run["source"] == "intercode" and len(run["steps"]) > 1]
    seen = flagged(code, flags())
    assert len(seen) > 200
    assert sum(bool(run["solved"]) for run in seen) / len(seen) <= 0.02
