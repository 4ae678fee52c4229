"""What it costs on top, in CPU of the gateway, that the provider speaks another dialect, or takes less of its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from scripts.benchmarks import conversations, gateway_bench
from scripts.benchmarks.conversations import Ask
from scripts.benchmarks.report import Figure
from scripts.benchmarks.upstream import EVENTS

_ROUNDS = 7
_A_REQUEST = 120.0
_AN_EVENT = 8.0


def run(scale: float) -> list[Figure]:
    with gateway_bench.rig() as running:

        def cost(ask: Ask, requests: int) -> float:
            return gateway_bench.cost(running.gateway, ask.content, requests, path=ask.path, mark=ask.mark)

        return [*_whole(cost, int(2000 * scale)), *_streamed(cost, int(1000 * scale))]


Cost = Callable[[Ask, int], float]


def _whole(cost: Cost, requests: int) -> list[Figure]:
    figures: list[Figure] = []
    for what, said in (("one question", conversations.QUESTION), ("18 turns", conversations.CONVERSATION)):
        asks = {f"client: {name}": ask("mini", said, stream=False) for name, ask in conversations.FOREIGN.items()}
        asks["a known vendor, its own dialect"] = conversations.chat(gateway_bench.KNOWN, said, stream=False)
        found = _on_top(cost, conversations.chat("mini", said, stream=False), asks, requests)
        figures += [
            Figure(f"JSON answer, {what}, {name}", more, "µs", _A_REQUEST, f"beside {plain:.0f} µs a request")
            for name, (more, plain) in found.items()
        ]
    return figures


def _streamed(cost: Cost, requests: int) -> list[Figure]:
    said = conversations.CONVERSATION
    asks = {name: ask("mini", said, stream=True) for name, ask in conversations.FOREIGN.items()}
    found = _on_top(cost, conversations.chat("mini", said, stream=True), asks, requests)
    return [
        Figure(
            f"{EVENTS}-event stream, burst, client: {name}",
            max(0.0, more - _A_REQUEST) / EVENTS,
            "µs an event",
            _AN_EVENT,
            f"{more:.0f} µs in all, less {_A_REQUEST:.0f} for the request; beside {plain:.0f} µs",
        )
        for name, (more, plain) in found.items()
    ]


def _on_top(cost: Cost, plain: Ask, asks: dict[str, Ask], requests: int) -> dict[str, tuple[float, float]]:
    """Of each, the median of what it costs more than `plain` in the same round, and the median of that."""
    for ask in (plain, *asks.values()):
        cost(ask, requests // 5)
    rounds = [
        (cost(plain, requests), {name: cost(ask, requests) for name, ask in asks.items()}) for _ in range(_ROUNDS)
    ]
    usual = statistics.median(base for base, _ in rounds)
    return {name: (statistics.median(costs[name] - base for base, costs in rounds), usual) for name in asks}
