"""What clients see of an edit, of a worker's death and of a rolling restart: nothing, but for those it happened to."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.editing import editing
from tests.support.hammering import hammering, ports_of
from tests.support.processes import Gateway
from tests.workers.conftest import POLICY

pytestmark = pytest.mark.anyio
NUMBER = 3
STREAM = {
    "model": "late",
    "stream": True,
    "messages": [{"role": "user", "content": "one two three four five six " * 4}],
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("policies")
    (made / "main.yaml").write_text(POLICY)
    return made


@pytest.fixture(scope="module")
def gateway(directory: Path) -> Generator[Gateway]:
    """One for all of these: it has to survive them. A worker that retires has no use for the grace period."""
    started = Gateway(directory, "--workers", NUMBER, "--grace", 0, "--log", "none")
    yield started
    started.tell(signal.SIGTERM)
    status, _ = started.ended()
    assert status == 0
    assert "Traceback" not in started.rest()


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Generator[httpx.Client]:
    with gateway.client() as made:
        yield made


async def restarts(client: httpx.Client, reason: str) -> float:
    numbers = (await asyncio.to_thread(client.get, "/metrics")).text
    found = re.search(rf'^policyroute_worker_restarts_total{{reason="{reason}"}} (\S+)', numbers, re.MULTILINE)
    return float(found[1]) if found else 0


async def policy(client: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = (await asyncio.to_thread(client.get, "/-/policy")).json()
    return told


async def pids(client: httpx.Client) -> dict[int, int]:
    """Those that serve: number -> pid."""
    workers = (await policy(client))["workers"]
    return {each["worker"]: each["pid"] for each in workers if each["state"] == "serving"}


async def heard(gateway: Gateway, text: str) -> str:
    return await asyncio.to_thread(gateway.says, text)


async def test_an_edit_is_served_by_every_worker_and_fails_nobody(
    gateway: Gateway, client: httpx.Client, directory: Path
) -> None:
    before = await policy(client)
    assert before["converged"] is True
    async with hammering(client.base_url) as hammer:
        await hammer.more(300)
        editing(directory)("version: 1", "version: 1  # edited")
        await heard(gateway, "all workers serve policy")
        after = await policy(client)
        assert after["converged"] is True and after["revision"] != before["revision"]
        async with hammering(client.base_url) as later:
            await later.more(100)
            assert set((await later.stop()).revisions) == {after["revision"][:12]}
        outcome = await hammer.stop()
    assert (outcome.broken, outcome.refused, outcome.reconnects) == ([], [], 12)
    assert set(outcome.revisions) == {before["revision"][:12], after["revision"][:12]}


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only the kernel knows whose connection it is")
async def test_a_killed_worker_takes_only_its_own_requests_along_and_is_replaced(
    gateway: Gateway, client: httpx.Client
) -> None:
    port = client.base_url.port
    assert port is not None
    async with hammering(client.base_url, 24) as hammer:
        await hammer.more(500)
        before = await pids(client)
        holders = {pid: ports_of(pid, port) for pid in before.values()}
        killed = max(holders, key=lambda pid: len(holders[pid]))
        os.kill(killed, signal.SIGKILL)
        assert "SIGKILL" in await heard(gateway, f"(pid {killed}) was killed")
        await hammer.more(500)
        outcome = await hammer.stop()
    assert outcome.refused == []
    assert outcome.broken and set(outcome.broken) <= holders[killed]
    while len(after := await pids(client)) < NUMBER:
        pass
    assert killed not in after.values()
    assert len(set(before.values()) & set(after.values())) == NUMBER - 1
    assert await restarts(client, "died") == 1


async def test_a_rolling_restart_drops_no_stream_and_fails_no_request(gateway: Gateway, client: httpx.Client) -> None:
    before = await pids(client)
    async with hammering(client.base_url, 8, pause=0.01) as busy, hammering(client.base_url, 6, pause=0.7) as idle:
        await busy.more(100)
        async with httpx.AsyncClient(base_url=client.base_url, timeout=60) as streams:
            begun = asyncio.Barrier(10)
            open_streams = [asyncio.create_task(whole(streams, begun)) for _ in range(9)]
            await begun.wait()
            gateway.tell(signal.SIGUSR2)
            await heard(gateway, f"{NUMBER} new workers serve")
            assert all(await asyncio.gather(*open_streams))
        await busy.more(100)
        outcomes = [await busy.stop(), await idle.stop()]
    for outcome in outcomes:
        assert (outcome.broken, outcome.refused) == ([], [])
    assert not set(before.values()) & set((await pids(client)).values())
    assert await restarts(client, "rolling") == NUMBER


async def whole(client: httpx.AsyncClient, begun: asyncio.Barrier) -> bool:
    """Whether a stream came from its first event to its last."""
    async with client.stream("POST", "/v1/chat/completions", json=STREAM) as response:
        stream = response.aiter_lines()
        lines = [await anext(stream)]
        await begun.wait()
        lines += [line async for line in stream if line]
    said = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    text = "".join(each["choices"][0]["delta"].get("content") or "" for each in said if each["choices"])
    return lines[-1] == "data: [DONE]" and text.count("six") == 4
