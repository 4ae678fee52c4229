"""What conversations cost on top, in CPU of the gateway: a pin that is kept, in memory and in a file; and watching an
agent's history for circles."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from scripts.benchmarks import divergence_bench, gateway_bench, load, policies, processes
from scripts.benchmarks.gateway_bench import Server
from scripts.benchmarks.report import Figure

_ROUNDS: Final = 7
_A_REQUEST: Final = 25.0
_A_STEP: Final = 50.0


def run(scale: float) -> list[Figure]:
    return [*_kept(int(2000 * scale)), *_watched()]


def _kept(requests: int) -> list[Figure]:
    figures: list[Figure] = []
    content = load.body("mini", stream=False)
    with _gateways() as servers:
        for what, server in servers.items():

            def cost(conversing: bool, server: Server = server) -> float:
                return gateway_bench.cost(server, content, requests, profile="AGENT", conversing=conversing)

            cost(conversing=True)
            rounds = [(cost(conversing=False), cost(conversing=True)) for _ in range(_ROUNDS)]
            plain = statistics.median(without for without, _ in rounds)
            more = statistics.median(having - without for without, having in rounds)
            detail = f"an AGENT's request, beside {plain:.0f} µs without"
            figures.append(Figure(f"a pinned conversation, {what}", more, "µs", _A_REQUEST, detail))
    return figures


@contextmanager
def _gateways() -> Generator[dict[str, Server]]:
    upstream = processes.free_port()
    with ExitStack() as stack:
        stack.enter_context(processes.module("upstream", upstream))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "policies").mkdir()
        (folder / "policies" / "bench.yaml").write_text(policies.directory(20, f"http://127.0.0.1:{upstream}/v1"))
        found: dict[str, Server] = {}
        for what, options in (("in memory", ()), ("in a file", ("--state-dir", str(folder / "state")))):
            port = processes.free_port()
            started = processes.module("gateway", port, str(folder / "policies"), *options)
            found[what] = Server(port, stack.enter_context(started).pid)
        yield found


def _watched() -> list[Figure]:
    figures: list[Figure] = []
    for steps in (3, 20, 40, 200):
        usual = divergence_bench.microseconds(divergence_bench.history(steps))
        looping = divergence_bench.microseconds(divergence_bench.history(steps, looping=True), times=30)
        a_step = looping / min(steps, divergence_bench.WINDOW)
        detail = f"{usual:.0f} µs a request; {looping:.0f} µs where it loops, {a_step:.0f} µs a step looked at"
        figures.append(Figure(f"watching a history of {steps} steps", usual / steps, "µs a step", _A_STEP, detail))
    return figures
