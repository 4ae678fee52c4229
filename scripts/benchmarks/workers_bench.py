"""Four workers under steady load: a rule is edited, a worker is killed, all are replaced. Who notices?"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scripts.benchmarks import load, policies, processes
from scripts.benchmarks.report import Figure, percentile
from scripts.benchmarks.steady import Kind, Tally, asking, until

_WORKERS = 4
_EDITS = 5
_STREAMS = 40
_MARK = "edited"
_KINDS = [
    Kind(load.body("mini", stream=False), loops=8, pause=0.04),
    Kind(load.body("mini", stream=False), loops=4, pause=0.04, fresh=True),
    Kind(load.body("mini", stream=True, user="paced"), loops=6, pause=0.04),
    Kind(load.body("mini", stream=True, user="paced"), loops=2, pause=0.04, fresh=True),
]


@dataclass(frozen=True, slots=True)
class Rig:
    """`desk` asks the operator's pages of the gateway at `port`, whose supervisor is `pid`; `file` is its policy."""

    port: int
    pid: int
    file: Path
    desk: httpx.AsyncClient

    async def page(self) -> dict[str, Any]:
        told: dict[str, Any] = (await self.desk.get("/-/policy")).json()
        return told

    async def serving(self) -> dict[int, int]:
        """Number -> pid."""
        workers = (await self.page())["workers"]
        return {each["worker"]: each["pid"] for each in workers if each["state"] == "serving"}

    async def until(self, gone: set[int]) -> None:
        """All workers serve, and none is one of these."""

        async def so() -> bool:
            now = set((await self.serving()).values())
            return len(now) == _WORKERS and not now & gone

        await until(so)

    async def edit(self, text: str) -> None:
        draft = self.file.with_name(".draft")
        await asyncio.to_thread(draft.write_text, text)
        await asyncio.to_thread(draft.replace, self.file)


def run() -> list[Figure]:
    with gateway(1000) as (port, pid, folder):
        figures = asyncio.run(_under_load(port, pid, folder))
    with gateway(20) as (port, pid, folder):
        return [*figures, *asyncio.run(_memory(port, pid, folder))]


@contextmanager
def gateway(rules: int) -> Generator[tuple[int, int, Path]]:
    """(port, pid of the supervisor, its folder)."""
    upstream, front = processes.free_port(), processes.free_port()
    with tempfile.TemporaryDirectory() as made, processes.module("upstream", upstream):
        folder = Path(made)
        (folder / "policies").mkdir()
        text = policies.directory(rules, f"http://127.0.0.1:{upstream}/v1", extra=_extra(0))
        (folder / "policies" / "bench.yaml").write_text(text)
        options = ["--workers", str(_WORKERS), "--operator", f"unix:{folder / 'operator'}"]
        with processes.module("gateway", front, str(folder / "policies"), *options) as process:
            yield front, process.pid, folder


@asynccontextmanager
async def rig(port: int, pid: int, folder: Path) -> AsyncGenerator[Rig]:
    """Once all workers serve."""
    transport = httpx.AsyncHTTPTransport(uds=str(folder / "operator"))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as desk:
        running = Rig(port, pid, folder / "policies" / "bench.yaml", desk)
        await running.until(set())
        yield running


def _extra(number: int) -> dict[str, list[dict[str, object]]]:
    header = {"set": {"x-bench-edit": f"{_MARK}-{number}"}}
    return {"rules": [{"id": "edited", "when": 'request.model == "mini"', "response_headers": header}]}


async def _under_load(port: int, pid: int, folder: Path) -> list[Figure]:
    async with rig(port, pid, folder) as running:
        return [*await _edits(running), *await _death(running), *await _restart(running)]


# An edited rule ------------------------------------------------------------------------------------------------------


async def _edits(running: Rig) -> list[Figure]:
    text = await asyncio.to_thread(running.file.read_text)
    told: list[float] = []
    seen: list[float] = []
    async with asking(running.port, _KINDS) as tally:
        await _answers(tally, 300)
        for number in range(1, _EDITS + 1):
            before = (await running.page())["revision"]
            text = text.replace(f"{_MARK}-{number - 1}", f"{_MARK}-{number}")
            await running.edit(text)
            written = time.perf_counter()
            await _converged(running, before)
            told.append((time.perf_counter() - written) * 1000)
            await _answers(tally, 150)
            seen.append((tally.latest[before[:12].encode()] - written) * 1000)
    typical = f"median {percentile(told, 0.5):.0f} ms of {_EDITS} edits"
    last = f"of {_EDITS} edits, median {percentile(seen, 0.5):.0f} ms: sent so long after the edit"
    return [
        Figure("one-rule edit in 1,000 until all workers serve it, worst", max(told), "ms", 1000, typical),
        Figure("last request that the old rules decided, worst", max(seen), "ms", 1000, last),
        Figure("requests failed meanwhile", tally.failed, "", 0, f"{tally.answered:,} answered"),
    ]


async def _converged(running: Rig, before: str) -> None:
    async def so() -> bool:
        page = await running.page()
        return page["revision"] != before and page["converged"] is True

    await until(so)


# A worker that is killed ---------------------------------------------------------------------------------------------


async def _death(running: Rig) -> list[Figure]:
    async with asking(running.port, _KINDS) as tally:
        await _answers(tally, 300)
        before = await running.serving()
        victim = max(before.values(), key=lambda pid: len(processes.clients_of(pid, running.port)))
        # It stands still while the kernel is asked whom it serves.
        os.kill(victim, signal.SIGSTOP)
        on_it = processes.clients_of(victim, running.port)
        opened = len(on_it & tally.open)
        os.kill(victim, signal.SIGKILL)
        died = time.perf_counter()
        await running.until({victim})
        back = time.perf_counter() - died
        await _answers(tally, 300)
    own = [port for port in tally.broken if port in on_it]
    others = tally.failed - len(own)
    detail = f"it had {len(on_it)}, {opened} with a request open; answers that were on their way arrived"
    return [
        Figure("kill -9 of a worker: requests on its connections that failed", len(own), "", len(on_it), detail),
        Figure("any other request that failed", others, "", 0, f"{tally.answered:,} answered"),
        Figure("until there is another one that serves", back, "s", 10),
    ]


# A rolling restart ---------------------------------------------------------------------------------------------------


async def _restart(running: Rig) -> list[Figure]:
    streams = [Kind(load.body("mini", stream=True, user="long"), loops=_STREAMS, pause=0)]
    async with asking(running.port, _KINDS) as tally, asking(running.port, streams) as long:
        before = await running.serving()

        async def begun() -> bool:
            return len(long.open) == _STREAMS

        await until(begun)
        await _answers(tally, 300)
        asked = time.perf_counter()
        (await running.desk.post("/-/restart")).raise_for_status()
        await running.until(set(before.values()))
        took = time.perf_counter() - asked
        await _answers(tally, 300)
    cut = f"{long.answered} whole, of about 20 s each, those that were open when it began among them"
    return [
        Figure("rolling restart: requests failed", tally.failed, "", 0, f"{tally.answered:,} answered"),
        Figure("rolling restart: long streams cut", long.failed, "", 0, cut),
        Figure(f"until {_WORKERS} new workers serve", took, "s", 30, "one after the other"),
    ]


async def _answers(tally: Tally, number: int) -> None:
    """Until there are so many more."""
    wanted = tally.answered + number

    async def so() -> bool:
        return tally.answered >= wanted

    await until(so)


# Memory --------------------------------------------------------------------------------------------------------------


async def _memory(port: int, pid: int, folder: Path) -> list[Figure]:
    async with rig(port, pid, folder) as running:
        await load.run(port, load.body("mini", stream=True), total=64 * _WORKERS)
        workers = [processes.rss_bytes(each) / 2**20 for each in (await running.serving()).values()]
        supervisor = processes.rss_bytes(pid) / 2**20
    return [
        Figure("memory of a worker, the largest", max(workers), "MiB", 90, "resident, idle after requests; 20 rules"),
        Figure("memory of the supervisor", supervisor, "MiB", 90, "resident"),
    ]
