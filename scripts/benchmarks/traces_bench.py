"""What traces cost on top, in CPU of the gateway: asked for but not sampled, and all sent to a collector."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from scripts.benchmarks import gateway_bench, load, policies, processes
from scripts.benchmarks.gateway_bench import Server
from scripts.benchmarks.report import Figure

_ROUNDS: Final = 7
_WAYS: Final = {"not asked for": None, "not sampled": "always_off", "all sent": "always_on"}
"""What `OTEL_TRACES_SAMPLER` says; None where nothing is traced."""


class _Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def run(scale: float) -> list[Figure]:
    requests, content = int(2000 * scale), load.body("mini", stream=False)
    costs: dict[str, list[float]] = {what: [] for what in _WAYS}
    with _gateways() as servers:
        for server in servers.values():
            gateway_bench.cost(server, content, requests)
        for _ in range(_ROUNDS):
            for what, server in servers.items():
                costs[what].append(gateway_bench.cost(server, content, requests))
    first, *others = costs
    plain = statistics.median(costs[first])
    figures = [Figure(f"a request, traces {first}", plain, "µs", None)]
    for what in others:
        more = statistics.median(here - there for here, there in zip(costs[what], costs[first], strict=True))
        figures.append(
            Figure(f"traces {what}, on top", more, "µs", None, "one attempt, the thread that sends included")
        )
    return figures


@contextmanager
def _gateways() -> Generator[dict[str, Server]]:
    upstream = processes.free_port()
    with ExitStack() as stack:
        stack.enter_context(processes.module("upstream", upstream))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "bench.yaml").write_text(policies.directory(20, f"http://127.0.0.1:{upstream}/v1"))
        collector = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Collector))
        collector.daemon_threads = True
        Thread(target=collector.serve_forever, daemon=True).start()
        stack.callback(collector.shutdown)
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{collector.server_address[1]}"
        found: dict[str, Server] = {}
        for what, sampler in _WAYS.items():
            port = processes.free_port()
            os.environ["OTEL_TRACES_SAMPLER"] = sampler or ""
            options = ("--traces", "otlp") if sampler else ()
            started = processes.module("gateway", port, str(folder), *options)
            found[what] = Server(port, stack.enter_context(started).pid)
        yield found
