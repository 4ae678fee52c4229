"""The agent pipeline: each step goes where its policy says, in the agent's process or through a gateway."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
from openai import AsyncOpenAI
from tests.examples.conftest import EXAMPLES
from tests.support.asgi import serving
from tests.support.written import WRITTEN

from policyroute_asgi import gateway
from policyroute_asgi.cli import main

FOLDER = EXAMPLES / "agent_pipeline"
SERVED = [("plan", "thinker"), ("work", "spare"), ("summarise", "writer")]


def test_it_runs_without_a_socket() -> None:
    command = [sys.executable, "-W", "error", str(FOLDER / "agent.py"), "How was the quarter?"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    WRITTEN.process("agent", done)
    assert (done.returncode, done.stderr) == (0, "")
    steps, answer = done.stdout.splitlines()[:3], "\n".join(done.stdout.splitlines()[3:])
    assert [tuple(line.split()) for line in steps] == SERVED
    assert answer.startswith("writer says: ")
    assert "revenue grew by 12 %" in answer


@pytest.mark.anyio
async def test_it_runs_through_a_gateway() -> None:
    module: Any = import_module("agent_pipeline.agent")
    async with (
        serving(gateway(FOLDER / "policies", log=None)) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as llm,
    ):
        agent = module.Agent(llm)
        assert "revenue grew by 12 %" in await agent.run("How was the quarter?")
    assert agent.served == SERVED


@pytest.mark.parametrize("folder", [FOLDER / "policies", EXAMPLES / "policies"], ids=lambda folder: folder.parent.name)
def test_the_policies_are_without_a_fault(folder: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder)]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    assert main(["test", str(folder)]) == 0
