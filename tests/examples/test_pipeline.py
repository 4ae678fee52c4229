"""The pipeline: whoever throttles, it comes to its end by the schemas, in the agents' process or through a gateway."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from examples.pipeline.agent import GOAL, STEPS, Pipeline
from examples.pipeline.provider import TIERS, Provider, Trouble, answer, assumed
from openai import AsyncOpenAI
from tests.examples.conftest import EXAMPLES
from tests.support.asgi import serving
from tests.support.written import WRITTEN

from policyroute_asgi import gateway
from policyroute_asgi.cli import main
from policyroute_asgi.transport import provider_transport
from scripts.benchmarks import pipeline_aimock, pipeline_bench, pipeline_kill

ROOT = EXAMPLES.parent
FOLDER = EXAMPLES / "pipeline"
PAGE = ROOT / "docs" / "benchmarks.md"


def test_it_runs_without_a_socket() -> None:
    command = [sys.executable, "-W", "error", "-m", "examples.pipeline.agent", GOAL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    WRITTEN.process("agent", done)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines] == [[step.name, "model_b"] for step in STEPS]
    assert all(step.fits(text) for step, (_, _, text) in zip(STEPS, lines, strict=True))


@pytest.mark.anyio
async def test_it_runs_through_a_gateway() -> None:
    provider = Provider({"model_a": Trouble(429, from_call=2), "model_b": Trouble(503, from_call=2)})
    served = gateway(FOLDER / "policies", transport=provider_transport(apps={"embedded": provider}), log=None)
    async with (
        serving(served) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as llm,
    ):
        pipeline = Pipeline(llm)
        await pipeline.run(GOAL)
    assert [done.target for done in pipeline.done] == ["model_a", "model_b", "model_c"]
    assert all(done.step.fits(done.text) for done in pipeline.done)
    failed = [call.model for call in provider.calls if not call.text]
    assert failed == ["model_a", "model_b", "model_b"]  # 503 is worth a second try


@pytest.mark.parametrize("folder", [FOLDER / "policies", EXAMPLES / "policies"], ids=lambda folder: folder.parent.name)
def test_the_policies_are_without_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder)]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    assert main(["test", str(folder)]) == 0


# The provider --------------------------------------------------------------------------------------------------------

PLAIN = {"role": "user", "content": 'Step: 2/3 and {"required":["result"]}'}
SYSTEM = {"role": "system", "content": "Be brief."}
BY_SCHEMA = {"type": "json_schema"}
ANY_JSON = {"type": "json_object"}
TRIPS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("model_a", {"messages": [SYSTEM, PLAIN], "response_format": BY_SCHEMA, "max_tokens": 4096}, []),
    ("model_b", {"messages": [SYSTEM, PLAIN], "response_format": ANY_JSON, "max_tokens": 1024}, []),
    ("model_b", {"messages": [SYSTEM, PLAIN], "response_format": BY_SCHEMA}, ["response_format"]),
    ("model_b", {"messages": [PLAIN], "max_tokens": 1025}, ["max_tokens"]),
    ("model_b", {"messages": [{**PLAIN, "content": "word " * 4000}]}, ["messages"]),
    ("model_c", {"messages": [PLAIN], "max_tokens": 512}, []),
    ("model_c", {"messages": [SYSTEM, PLAIN]}, ["messages.system"]),
    ("model_c", {"messages": [PLAIN], "response_format": ANY_JSON}, ["response_format"]),
]


@pytest.mark.parametrize(("model", "body", "over"), TRIPS)
def test_a_tier_trips_over_what_it_has_not(model: str, body: dict[str, Any], over: list[str]) -> None:
    assert assumed(TIERS[model], body) == over
    said = answer(TIERS[model], body)
    assert ("confidence" in said and "null" not in said) is (not over)


def test_who_takes_up_work_begins_anew_unless_a_turn_that_it_takes_says_where_it_is() -> None:
    told, untold = {**PLAIN, "role": "system"}, {**PLAIN, "content": "Execute the plan."}
    assert "Step 2 of 3" in answer(TIERS["model_b"], {"messages": [told, untold]})
    assert "Step 1 of 3" in answer(TIERS["model_b"], {"messages": [untold]})
    assert "Step 1 of 3" in answer(TIERS["model_c"], {"messages": [told, untold]})
    assert "Step 2 of 3" in answer(TIERS["model_c"], {"messages": [PLAIN]})


# The benchmark -------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_same_seeds_give_the_table_on_the_page_byte_for_byte() -> None:
    assert pipeline_bench.text(await pipeline_bench.ours()) in PAGE.read_text(encoding="utf-8")


@pytest.mark.anyio
async def test_another_mock_sees_the_same() -> None:
    if missing := pipeline_aimock.missing():
        pytest.skip(missing)
    rows = await pipeline_bench.aimocked(runs=1)
    assert [(row.completed, row.intact, row.steps, row.redone, row.calls) for row in rows] == [
        (0, None, 0, 0, 3),
        (1, 0, 3, 2, 4),
        (1, 1, 3, 0, 4),
    ]


@pytest.mark.anyio
async def test_it_comes_to_its_end_though_the_gateway_is_killed_between_snapshot_and_swap() -> None:
    provider = Provider({"model_a": Trouble(429, from_call=2)})
    run = await pipeline_kill.run(provider, "t", asyncio.Semaphore())
    assert (run.completed, run.intact, run.redone) == (True, 3, 0)
    assert [call.model for call in provider.calls] == ["model_a"] * 3 + ["model_b"] * 2
    for call, known in zip(provider.calls[3:], (["1/3 Plan"], ["1/3 Plan", "2/3 Execute"]), strict=True):
        told = str(call.sent["messages"])
        assert all(f"- {step}: " in told for step in known)
