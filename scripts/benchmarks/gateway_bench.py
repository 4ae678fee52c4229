"""CPU time of the gateway process a request, as a multiple of the bare proxy's on the same upstream in one run."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks import load, policies, processes
from scripts.benchmarks.report import Figure

_THROTTLED = {
    "targets": {
        "down": {"provider": "p0", "model": "throttled", "context_window": 200_000},
    },
    "rules": [
        {"id": "swap", "when": 'request.model == "swap"', "route": ["down", "mini"],
         "fallback": {"retries": 0, "swap_delay": "0ms"}},
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rig:
    """Ports and process ids of the three processes."""

    gateway_port: int
    gateway_pid: int
    bare_port: int
    bare_pid: int


@contextmanager
def rig() -> Generator[Rig]:
    upstream, bare, front = (processes.free_port() for _ in range(3))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        text = policies.directory(20, f"http://127.0.0.1:{upstream}/v1", extra=_THROTTLED)
        (folder / "bench.yaml").write_text(text)
        stack.enter_context(processes.module("upstream", upstream))
        bare_process = stack.enter_context(processes.module("bare_proxy", bare, str(upstream)))
        gateway_process = stack.enter_context(processes.module("gateway", front, str(folder)))
        yield Rig(front, gateway_process.pid, bare, bare_process.pid)


@dataclass(frozen=True, slots=True)
class Traffic:
    what: str
    content: bytes
    requests: int
    limit: float


def run(scale: float) -> list[Figure]:
    kinds = [
        Traffic("JSON answer, 4.5 KB body", load.body("mini", stream=False), int(2000 * scale), 2.0),
        Traffic("53-event stream, burst", load.body("mini", stream=True), int(1000 * scale), 2.5),
        Traffic("53-event stream, paced 2 ms", load.body("mini", stream=True, user="paced"), int(400 * scale), 1.5),
    ]
    with rig() as running:
        figures = [_ratio(running, kind) for kind in kinds]
        return [*figures, _swap(running, int(1000 * scale))]


def _ratio(running: Rig, kind: Traffic, rounds: int = 5) -> Figure:
    for port in (running.bare_port, running.gateway_port):
        _cost(port, running.bare_pid, kind.content, kind.requests // 5)
    bare: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        bare.append(_cost(running.bare_port, running.bare_pid, kind.content, kind.requests))
        ours.append(_cost(running.gateway_port, running.gateway_pid, kind.content, kind.requests))
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    detail = f"bare proxy {statistics.median(bare):.0f} µs, gateway {statistics.median(ours):.0f} µs a request"
    return Figure(kind.what, statistics.median(ratios), "×", kind.limit, detail)


def _swap(running: Rig, requests: int) -> Figure:
    """What a failed first attempt costs on top, in CPU: more than the time from its failure to the next bytes."""
    plain = _cost(running.gateway_port, running.gateway_pid, load.body("mini", stream=False), requests)
    swapped = _cost(running.gateway_port, running.gateway_pid, load.body("swap", stream=False), requests)
    detail = "CPU of a request whose first attempt is throttled, less that of one that is not"
    return Figure("a swap, whole failed attempt included", (swapped - plain) / 1000, "ms", 2.0, detail)


def _cost(port: int, pid: int, content: bytes, requests: int) -> float:
    """CPU µs a request of process `pid`."""
    before = processes.cpu_seconds(pid)
    outcome = asyncio.run(load.run(port, content, total=requests))
    if outcome.failed:
        raise RuntimeError(f"{outcome.failed} of {requests} requests failed on port {port}")
    return (processes.cpu_seconds(pid) - before) / requests * 1e6
