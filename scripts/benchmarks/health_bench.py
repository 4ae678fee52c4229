"""What circuits and cool-downs cost a request over 8 candidates: all are asked about, one is attempted and counted."""

from __future__ import annotations

import time

from policyroute.failures import Failure, FailureKind
from policyroute.health.breaker import ROW
from policyroute.health.places import Place
from policyroute.health.table import HealthTable
from policyroute.policy.model import Tls
from scripts.benchmarks.report import Figure, percentile

_CANDIDATES = 8
_REQUESTS = 2000
_LIMIT = 25.0
_DOWN = Failure(FailureKind.UNAVAILABLE, "down")


def run(rounds: int) -> list[Figure]:
    return [_measured(open_ones, rounds) for open_ones in (0, 1, _CANDIDATES - 1)]


def _measured(open_ones: int, rounds: int) -> Figure:
    table = HealthTable()
    endpoint = ("https://api.example.com/v1", None, Tls())
    places = [Place(endpoint, "eu", f"m{number}", "chat", None) for number in range(_CANDIDATES)]
    for place in places[:open_ones]:
        for _ in range(ROW):
            table.failed(place, _DOWN, 0.0, 0.0)
    samples: list[float] = []
    for number in range(rounds * _REQUESTS):
        now = 1.0 + number / (rounds * _REQUESTS)  # nobody's time is over meanwhile
        started = time.perf_counter_ns()
        if table:
            for place in places:
                table.cooling(place, now)
            table.admitted(places[-1], now)
        table.succeeded(places[-1], 0.5, now, now)
        samples.append((time.perf_counter_ns() - started) / 1000)
    detail = f"p99 {percentile(samples, 0.99):.1f} µs; {_CANDIDATES} candidates"
    name = f"circuits, {open_ones} of {_CANDIDATES} open, p50"
    return Figure(name, percentile(samples, 0.5), "µs", _LIMIT, detail)
