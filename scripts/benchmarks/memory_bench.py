"""Memory of an idle gateway, and of one more open stream beyond three times its body."""

from __future__ import annotations

import asyncio

from scripts.benchmarks import load, processes
from scripts.benchmarks.gateway_bench import rig
from scripts.benchmarks.report import Figure

_STREAMS = 200


def run() -> list[Figure]:
    with rig() as running:
        asyncio.run(load.run(running.gateway.port, load.body("mini", stream=True), total=64))
        idle = processes.rss_bytes(running.gateway.pid)
        content = load.body("mini", stream=True, user="open", size=20_000)
        opened = asyncio.run(_open(running.gateway.port, running.gateway.pid, content))
    each = (opened - idle) / _STREAMS
    beyond = max(0.0, each - 3 * len(content)) / 1024
    return [
        Figure("idle worker", idle / 2**20, "MiB", 90, "resident, after 64 requests"),
        Figure("an open stream beyond 3 × its body", beyond, "KiB", 60, f"{_STREAMS} streams, {len(content)} B bodies"),
    ]


async def _open(port: int, pid: int, content: bytes) -> int:
    """Opens the streams, waits for the first bytes of each, and says how much memory the process has then."""
    message = load.request(port, content)
    async with asyncio.timeout(60):
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_STREAMS)]
        for _, writer in connections:
            writer.write(message)
        for reader, _ in connections:
            await reader.readuntil(b"data: ")
    resident = processes.rss_bytes(pid)
    for _, writer in connections:
        writer.close()
    return resident
