"""The silent swap: what becomes of a pipeline whose best model is throttled; its table is the same each time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.examples.conftest import EXAMPLES
from tests.support.written import WRITTEN

from policyroute_asgi.cli import main
from scripts.benchmarks import pipeline_bench

FOLDER = EXAMPLES / "pipeline"
PAGE = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_it_runs() -> None:
    command = [sys.executable, "-W", "error", str(FOLDER / "steps.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    WRITTEN.process("pipeline", done)
    assert (done.returncode, done.stderr) == (0, "")
    *steps, asked = done.stdout.splitlines()
    assert [line.split()[0] for line in steps] == ["planner", "executor", "validator"]
    assert asked == "asked: model_a 429, model_b 200, model_b 200, model_b 200"


def test_its_policies_are_without_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(FOLDER / "policies"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
    assert main(["test", str(FOLDER / "policies")]) == 0


def test_the_table_is_the_published_one_and_the_same_each_time() -> None:
    found = pipeline_bench.run(kill=False)
    assert found == pipeline_bench.run(kill=False)
    assert found in PAGE
    rows = {tuple(line.split(" | ")[:2]): line.strip("| ").split(" | ")[2:] for line in found.splitlines()[2:]}
    theirs = [cells for (scenario, _), cells in rows.items() if scenario == "| published"]
    for (scenario, _), cells in rows.items():
        if scenario == "| busy at step 1":
            published = theirs.pop(0)
            assert (cells[0], cells[2], cells[5]) == (published[0], published[2], published[5])
            assert cells[1] == ("n/a" if "none" in published[1] else published[1])
