"""What clients see of an edit, of a worker's death and of a rolling restart: nothing, but for those it happened to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import httpx
import pytest
from tests.support.hammering import hammering, ports_of
from tests.support.serving import Gateway
from tests.workers.conftest import Edit, Serve

pytestmark = pytest.mark.anyio
STREAM = {
    "model": "late",
    "stream": True,
    "messages": [{"role": "user", "content": "one two three four five six " * 4}],
}


def pids(gateway: httpx.Client) -> dict[int, int]:
    """Those that serve: number -> pid."""
    workers = gateway.get("/-/policy").json()["workers"]
    return {each["worker"]: each["pid"] for each in workers if each["state"] == "serving"}


async def heard(gateway: Gateway, text: str) -> str:
    return await asyncio.to_thread(gateway.says, text)


async def test_an_edit_is_served_by_every_worker_and_fails_nobody(serve: Serve, edit: Edit) -> None:
    gateway = serve("--workers", 3)
    with gateway.client() as client:
        before = client.get("/-/policy").json()
        assert before["converged"] is True
        async with hammering(client.base_url) as hammer:
            await hammer.more(300)
            edit("version: 1", "version: 1  # edited")
            await heard(gateway, "all workers serve policy")
            after = client.get("/-/policy").json()
            assert after["converged"] is True and after["revision"] != before["revision"]
            seen = len(hammer.outcome.revisions)
            await hammer.more(300)
            outcome = await hammer.stop()
        assert (outcome.broken, outcome.refused, outcome.reconnects) == ([], [], 12)
        # What was under way when all had converged may still be of the old one: one for each connection.
        assert set(outcome.revisions[seen + 12 :]) == {after["revision"][:12]}
        assert {before["revision"][:12], after["revision"][:12]} == set(outcome.revisions)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only the kernel knows whose connection it is")
async def test_a_killed_worker_takes_only_its_own_requests_along_and_is_replaced(serve: Serve) -> None:
    gateway = serve("--workers", 3)
    with gateway.client() as client:
        port = client.base_url.port
        assert port is not None
        async with hammering(client.base_url, 24) as hammer:
            await hammer.more(500)
            before = pids(client)
            holders = {pid: ports_of(pid, port) for pid in before.values()}
            killed = max(holders, key=lambda pid: len(holders[pid]))
            os.kill(killed, signal.SIGKILL)
            assert "SIGKILL" in await heard(gateway, f"(pid {killed}) was killed")
            await hammer.more(500)
            outcome = await hammer.stop()
        assert outcome.refused == []
        assert outcome.broken and set(outcome.broken) <= holders[killed]
        while len(after := pids(client)) < 3:
            pass
        assert killed not in after.values()
        assert len(set(before.values()) & set(after.values())) == 2
        assert 'policyroute_worker_restarts_total{reason="died"} 1.0' in client.get("/metrics").text


async def test_a_rolling_restart_drops_no_stream_and_fails_no_request(serve: Serve) -> None:
    gateway = serve("--workers", 3, "--grace", 0)  # a worker that retires has no use for the grace period
    with gateway.client() as client:
        before = pids(client)
        async with hammering(client.base_url, 12) as busy, hammering(client.base_url, 6, pause=0.7) as idle:
            await busy.more(200)
            async with httpx.AsyncClient(base_url=client.base_url, timeout=60) as streams:
                begun = asyncio.Barrier(10)
                open_streams = [asyncio.create_task(whole(streams, begun)) for _ in range(9)]
                await begun.wait()
                gateway.tell(signal.SIGUSR2)
                await heard(gateway, "3 new workers serve")
                assert all(await asyncio.gather(*open_streams))
            await busy.more(200)
            outcomes = [await busy.stop(), await idle.stop()]
        for outcome in outcomes:
            assert (outcome.broken, outcome.refused) == ([], [])
        assert not set(before.values()) & set(pids(client).values())
        assert 'policyroute_worker_restarts_total{reason="rolling"} 3.0' in client.get("/metrics").text


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
