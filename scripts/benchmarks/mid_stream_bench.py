"""A thousand streams at once, a third of which break off at random: all are to be complete, and nothing left behind.

Gateway, provider and clients are processes of their own; the streams go through it twice, and the second time counts.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import orjson

from scripts.benchmarks import breaking, load, processes
from scripts.benchmarks.report import Figure

STREAMS = 1000
_POLICY = """
version: 1
providers:
  one: {{dialect: openai_chat, base_url: "http://127.0.0.1:{port}/one/v1", insecure: true}}
  two: {{dialect: openai_chat, base_url: "http://127.0.0.1:{port}/two/v1", insecure: true}}
targets:
  warm-1: {{provider: one, model: warm}}
  warm-2: {{provider: two, model: warm}}
  counted-1: {{provider: one, model: counted}}
  counted-2: {{provider: two, model: counted}}
rules:
  - {{id: hold, hold: {{tools: true}}, fallback: {{mid_stream: continue, retries: 0, swap_delay: 0ms}}}}
  - {{id: warm, when: request.model == "warm", route: [warm-1, warm-2]}}
default: {{route: [counted-1, counted-2]}}
"""
_COMING = 3.0
"""Seconds in which they all come."""


def run() -> list[Figure]:
    processes.raise_files()
    upstream, front = processes.free_port(), processes.free_port()
    with tempfile.TemporaryDirectory() as folder, processes.module("breaking", upstream, str(STREAMS)):
        (Path(folder) / "bench.yaml").write_text(_POLICY.format(port=upstream))
        with processes.module("gateway_probe", front, folder) as gateway:
            return asyncio.run(_measure(front, upstream, gateway.pid))


async def _measure(port: int, upstream: int, pid: int) -> list[Figure]:
    await _round(port, "warm")
    before, cuts = processes.rss_bytes(pid), int(await load.get(upstream, "/cuts"))
    await load.get(port, "/stall")
    whole = await _round(port, "counted")
    stall, after = float(await load.get(port, "/stall")), processes.rss_bytes(pid)
    broken = int(await load.get(upstream, "/cuts")) - cuts
    return [
        Figure("streams that did not come whole", STREAMS - whole, "", 0, f"{broken} of {STREAMS} broke off"),
        Figure("memory after, beyond before", (after - before) / 2**20, "MiB", 5, f"{before / 2**20:.0f} MiB before"),
        Figure("longest event-loop stall", stall, "ms", 50, "1 ms probe in its loop"),
    ]


async def _round(port: int, model: str) -> int:
    """How many answers came whole."""
    async with asyncio.timeout(120):
        asked = (_asked(port, model, _COMING * number / STREAMS) for number in range(STREAMS))
        return sum(await asyncio.gather(*asked))


async def _asked(port: int, model: str, delay: float) -> bool:
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(load.request(port, load.body(model, stream=True, size=300)))
    status, answer = await load.read_answer(reader)
    writer.close()
    lines = [line[6:] for line in answer.split(b"\n") if line.startswith(b"data: {")]
    said = "".join(orjson.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines)
    return status == 200 and said == "".join(breaking.WORDS) and answer.endswith(b"data: [DONE]\n\n")
