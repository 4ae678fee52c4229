"""Editing one rule of 1,000 under load: time to the first decision by the new revision, failures, event-loop stalls."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from scripts.benchmarks import load, policies, processes
from scripts.benchmarks.report import Figure, percentile

_EDITS = 5
_RATE = 500
_SECONDS = 7
_MARK = "edited"


def run() -> list[Figure]:
    upstream, front = processes.free_port(), processes.free_port()
    with tempfile.TemporaryDirectory() as folder, processes.module("upstream", upstream):
        file = Path(folder) / "bench.yaml"
        text = policies.directory(1000, f"http://127.0.0.1:{upstream}/v1", extra=_extra(0))
        file.write_text(text)
        with processes.module("gateway_probe", front, folder):
            return asyncio.run(_measure(front, file, text))


def _extra(number: int) -> dict[str, list[dict[str, object]]]:
    header = {"set": {"x-bench-edit": f"{_MARK}-{number}"}}
    return {"rules": [{"id": "edited", "when": 'request.model == "mini"', "response_headers": header}]}


async def _measure(port: int, file: Path, text: str) -> list[Figure]:
    delays: list[float] = []
    content = load.body("mini", stream=False)
    await load.run(port, content, total=_RATE, in_flight=4, rate=_RATE)
    usual = float(await load.get(port, "/stall"))
    load_task = asyncio.create_task(load.run(port, content, total=_RATE * _SECONDS, in_flight=4, rate=_RATE))
    for number in range(1, _EDITS + 1):
        await asyncio.sleep(0.5)
        text = text.replace(f"{_MARK}-{number - 1}", f"{_MARK}-{number}")
        await asyncio.to_thread(file.write_text, text)
        written = time.perf_counter()
        await _until_seen(port, f"{_MARK}-{number}".encode())
        delays.append((time.perf_counter() - written) * 1000)
    outcome = await load_task
    stall = float(await load.get(port, "/stall"))
    typical = f"median {percentile(delays, 0.5):.0f} ms of {_EDITS} edits, at {_RATE} requests a second"
    return [
        Figure("one-rule edit in 1,000 to first decision, worst", max(delays), "ms", 300, typical),
        Figure("requests failed meanwhile", outcome.failed, "", 0, f"{outcome.ok:,} answered"),
        Figure("longest event-loop stall", stall, "ms", 10, f"1 ms probe in its loop; without edits {usual:.1f} ms"),
    ]


async def _until_seen(port: int, mark: bytes) -> None:
    message = load.request(port, load.body("mini", stream=False, size=300))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(20):
        while True:
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if mark in head:
                writer.close()
                return
            await asyncio.sleep(0.005)
