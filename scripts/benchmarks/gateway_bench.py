"""CPU time of the gateway process a request, as a multiple of the bare proxy's on the same upstream in one run."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from scripts.benchmarks import load, policies, processes
from scripts.benchmarks.report import Figure

KNOWN = "gpt-4.1"
"""A model of a vendor that is known: what it takes otherwise than its dialect is kept to."""
_KEY = "plr_benchmark"
_ENOUGH = 1_000_000_000
_LIMITED = {
    "clients": {
        "load": {"key_sha256": [sha256(_KEY.encode()).hexdigest()], "tenant": "t1", "tier": "pro", "team": "team1",
                 "rate_limit": {"rpm": _ENOUGH, "tpm": _ENOUGH, "concurrency": 1000}},
    },
}  # fmt: skip
"""Every limit is counted, and none is reached."""


def _also(upstream: str) -> dict[str, Any]:
    """Beside the mix of rules: a swap, and the vendor."""
    throttled = {"provider": "p0", "model": "throttled", "context_window": 200_000}
    swap = {"id": "swap", "when": 'request.model == "swap"', "route": ["down", "mini"]}
    return {
        "providers": {"vendor": {"vendor": "openai", "base_url": upstream}},
        "targets": {"down": throttled, "known": {"provider": "vendor", "model": KNOWN}},
        "rules": [swap | {"fallback": {"retries": 0, "swap_delay": "0ms"}}],
    }


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers on `port`, whose callers have to send `key`."""

    port: int
    pid: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Rig:
    """The gateway, one with clients and limits, and what both are compared to."""

    gateway: Server
    limited: Server
    bare: Server


@contextmanager
def rig() -> Generator[Rig]:
    upstream = processes.free_port()
    with ExitStack() as stack:
        stack.enter_context(processes.module("upstream", upstream))

        def started(module: str, argument: str, key: str | None = None) -> Server:
            port = processes.free_port()
            return Server(port, stack.enter_context(processes.module(module, port, argument)).pid, key)

        def gateway(more: dict[str, Any], key: str | None = None) -> Server:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            base_url = f"http://127.0.0.1:{upstream}/v1"
            text = policies.directory(20, base_url, extra=_also(base_url) | more)
            (Path(folder) / "bench.yaml").write_text(text)
            return started("gateway", folder, key)

        yield Rig(gateway({}), gateway(_LIMITED, _KEY), started("bare_proxy", str(upstream)))


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
        figures = [figure for kind in kinds for figure in _ratios(running, kind)]
        return [*figures, _swap(running.gateway, int(1000 * scale))]


def _ratios(running: Rig, kind: Traffic, rounds: int = 5) -> list[Figure]:
    servers = (running.bare, running.gateway, running.limited)
    for server in servers:
        cost(server, kind.content, kind.requests // 5)
    costs = [[cost(server, kind.content, kind.requests) for server in servers] for _ in range(rounds)]
    bare, plain, limited = zip(*costs, strict=True)
    return [
        _ratio(kind, kind.what, bare, plain),
        _ratio(kind, f"{kind.what}; clients and limits on", bare, limited),
    ]


def _ratio(kind: Traffic, what: str, bare: Sequence[float], ours: Sequence[float]) -> Figure:
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    detail = f"bare proxy {statistics.median(bare):.0f} µs, gateway {statistics.median(ours):.0f} µs a request"
    return Figure(what, statistics.median(ratios), "×", kind.limit, detail)


def _swap(gateway: Server, requests: int) -> Figure:
    """What a failed first attempt costs on top, in CPU: more than the time from its failure to the next bytes."""
    plain = cost(gateway, load.body("mini", stream=False), requests)
    swapped = cost(gateway, load.body("swap", stream=False), requests)
    detail = "CPU of a request whose first attempt is throttled, less that of one that is not"
    return Figure("a swap, whole failed attempt included", (swapped - plain) / 1000, "ms", 2.0, detail)


def cost(server: Server, content: bytes, requests: int, **more: Any) -> float:
    """CPU µs a request of the server's process. `more` is for `load.run`."""
    before = processes.cpu_seconds(server.pid)
    outcome = asyncio.run(load.run(server.port, content, total=requests, key=server.key, **more))
    if outcome.failed:
        raise RuntimeError(f"{outcome.failed} of {requests} requests failed on port {server.port}")
    return (processes.cpu_seconds(server.pid) - before) / requests * 1e6
