"""The silent swap: a pipeline whose best model is throttled; without a router, with one that forwards, with ours.

Latency is computed, not waited for: 20 ms x U(0.8, 1.2) for each call of a provider, seeded, so that the same seed
gives the same table. `--kill` kills the gateway with SIGKILL while the fallback is being asked, and starts it again.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvicorn
from jsonschema import Draft202012Validator

from policyroute_asgi import Router
from scripts.benchmarks.processes import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.append(str(EXAMPLES))

from pipeline import steps  # noqa: E402 - the examples are no part of any package
from pipeline.models import Models  # noqa: E402

RUNS = 10
SEED = 42
SWAP_DELAY = 50.0
PUBLISHED = {
    "no router": ("0 %", "100 % (of none)", "0.00", "", "", "57.50", ""),
    "swap the id, forward": ("100 %", "0 %", "3.00", "", "", "77.12", ""),
    "Policyroute": ("100 %", "100 %", "3.00", "", "", "77.12", ""),
}
"""By async-router-engine, for its own third strategy where ours stands."""


@dataclass(frozen=True)
class Scenario:
    """From which step on the best tier is busy, and which others are down for whoever has a router."""

    name: str
    busy_from: int
    down: frozenset[str] = frozenset()


SCENARIOS = (
    Scenario("busy at step 1", 1),
    Scenario("busy at step 2", 2),
    Scenario("busy at step 2, next one down", 2, frozenset({"model_b"})),
)


@dataclass
class Run:
    """One run of the pipeline and what it took."""

    answers: list[str | None]
    models: Models
    swaps: int
    latency: float = 0.0

    @property
    def given(self) -> list[tuple[str, str]]:
        """Step and answer, of those there are."""
        return [(step, text) for step, text in zip(steps.STEPS, self.answers, strict=False) if text is not None]

    @property
    def intact(self) -> int:
        return sum(_fits(step, text) for step, text in self.given)


@dataclass
class Row:
    runs: list[Run] = field(default_factory=list[Run])

    def cells(self) -> tuple[str, ...]:
        runs = self.runs
        given = sum(len(run.given) for run in runs)
        done = sum(len(run.given) == len(steps.STEPS) for run in runs)
        calls = [call for run in runs for call in run.models.calls]
        return (
            f"{100 * done / len(runs):.0f} %",
            f"{100 * sum(run.intact for run in runs) / given:.0f} %" if given else "n/a",
            f"{given / len(runs):.2f}",
            f"{sum(call.redone for call in calls) / len(runs):.2f}",
            f"{len(calls) / len(runs):.2f}",
            f"{sum(run.latency for run in runs) / len(runs):.2f}",
            f"{sum(run.swaps for run in runs) * SWAP_DELAY / len(runs):.2f}",
        )


def _fits(step: str, text: str) -> bool:
    try:
        checker: Any = Draft202012Validator(steps.schema(step))
        return bool(checker.is_valid(json.loads(text)))
    except ValueError:
        return False


Strategy = Callable[[Models, str], Awaitable[tuple[list[str | None], int]]]
"""Runs a task against these models: the answers, and how often another model was gone on to."""


def _forwarding(names: tuple[str, ...]) -> Strategy:
    """Asks one model after the other, with the very same payload."""

    async def run(models: Models, task: str) -> tuple[list[str | None], int]:
        swaps, at = 0, 0
        async with httpx.AsyncClient(transport=httpx.ASGITransport(models), base_url="http://models.example") as client:

            async def ask(payload: steps.Payload, headers: Mapping[str, str]) -> str | None:
                nonlocal swaps, at
                while at < len(names):
                    text = await steps.post(client, {**payload, "model": names[at]}, headers)
                    if text is not None:
                        return text
                    at += 1  # who has failed is left alone
                    swaps += at < len(names)
                return None

            return await steps.run(ask, task), swaps

    return run


async def _routed(models: Models, task: str) -> tuple[list[str | None], int]:
    lines: list[bytes] = []
    facts = {"id": "pipeline", "tenant": "bench"}
    async with (
        Router(steps.POLICIES, transport=httpx.ASGITransport(models), log=lines.append) as router,
        router.http_client(client=facts, base_url="http://router") as client,
    ):
        answers = await steps.run(lambda payload, headers: steps.post(client, payload, headers), task)
    return answers, _swaps(b"".join(lines))


def _swaps(log: bytes) -> int:
    """Of all requests: attempts at another target than the one before."""
    count = 0
    for line in log.splitlines():
        targets = [attempt["target"] for attempt in orjson.loads(line)["attempts"]]
        count += sum(one != other for one, other in pairwise(targets))
    return count


STRATEGIES: Mapping[str, Strategy] = {
    "no router": _forwarding(("model_a", "model_b", "model_c")),
    "swap the id, forward": _forwarding(("model_a", "model_b", "model_c")),
    "Policyroute": _routed,
}
_ALL_DOWN = frozenset({"model_b", "model_c"})
"""Without a router: as published, nobody else is there."""


async def table(*, kill: bool = False) -> str:
    """As Markdown."""
    lines = [
        "| scenario | strategy | completed | intact | steps | redone | calls | latency ms | swap delay ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for scenario in SCENARIOS:
        for name, strategy in STRATEGIES.items():
            if kill and name != "Policyroute":
                continue
            row = Row()
            for number in range(RUNS):
                row.runs.append(await _run(scenario, _killed if kill else strategy, name, number))
            lines.append(f"| {scenario.name} | {name} | {' | '.join(row.cells())} |")
    if not kill:
        lines += [f"| published | {name} | {' | '.join(cells)} |" for name, cells in PUBLISHED.items()]
    return "\n".join(lines) + "\n"


async def _run(scenario: Scenario, strategy: Strategy, name: str, number: int) -> Run:
    models = Models(scenario.busy_from, _ALL_DOWN if name == "no router" else scenario.down)
    answers, swaps = await strategy(models, f"t{number}")
    dice = random.Random(SEED + number)
    return Run(answers, models, swaps, sum(20.0 * dice.uniform(0.8, 1.2) for _ in models.calls))


# Killed between snapshot and swap -------------------------------------------------------------------------------------


class _Gateway:
    """A process that serves the example's policies, with its state in a folder."""

    def __init__(self, folder: Path, models_port: int) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        text = (steps.POLICIES / "policy.yaml").read_text()
        (folder / "policies").mkdir()
        url = f"http://127.0.0.1:{models_port}/v1"
        (folder / "policies" / "policy.yaml").write_text(text.replace("http://models.example/v1", url))

    async def start(self) -> None:
        options = ["--port", str(self.port), "--state-dir", str(self._folder / "state"), "--log", "none"]
        command = [sys.executable, "-m", "policyroute_asgi", "serve", str(self._folder / "policies"), *options]
        self._process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as client:
            while True:
                try:
                    if (await client.get("/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.02)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def _killed(models: Models, task: str) -> tuple[list[str | None], int]:
    """The gateway dies when the fallback is asked for the first time. The pipeline asks again, as it would anybody."""
    folder = Path(tempfile.mkdtemp(prefix="policyroute-bench-"))
    port = free_port()
    gateway = _Gateway(folder, port)
    once = asyncio.Event()

    async def die() -> None:
        once.set()
        await gateway.kill()

    models.before = lambda model: die() if model != "model_a" and not once.is_set() else None
    server = uvicorn.Server(uvicorn.Config(models, port=port, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    await gateway.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=30) as client:

            async def ask(payload: steps.Payload, headers: Mapping[str, str]) -> str | None:
                try:
                    return await steps.post(client, payload, headers)
                except httpx.TransportError:
                    await gateway.start()
                    return await steps.post(client, payload, headers)

            return await steps.run(ask, task), 2
    finally:
        await gateway.kill()
        server.should_exit = True
        await serving
        shutil.rmtree(folder, ignore_errors=True)


def run(*, kill: bool) -> str:
    found: Any = asyncio.run(table(kill=kill))
    return str(found)
