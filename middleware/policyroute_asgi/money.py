"""What attempts use and cost, as numbers at `/metrics`.

Rule of this module: as in `metrics`. A token is counted once, as what it was charged as.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from policyroute.record import AttemptRecord
from policyroute_asgi.metrics import Family

_PLACE = ["target", "provider"]


class Money:
    """One set of instruments in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._costs = _counter(
            registry,
            "policyroute_cost_usd",
            "What attempts cost in USD by their targets' prices; those without a price are not in it",
            _PLACE,
        )
        self._tokens = _counter(
            registry,
            "policyroute_tokens",
            "Tokens of attempts by what they are charged as: input, cached_input, cache_write, output",
            [*_PLACE, "kind"],
        )
        self._unpriced = _counter(
            registry,
            "policyroute_unpriced_attempts",
            "Attempts that used tokens of a target whose price is not known",
            _PLACE,
        )

        self._warned = _counter(
            registry, "policyroute_budget_warnings", "Budgets' windows in which the threshold was reached", ["budget"]
        )
        self._refused = _counter(
            registry, "policyroute_budget_refusals", "Requests refused since a budget was used up", ["budget"]
        )

    def warned(self, budget: str) -> None:
        self._warned.of(budget).inc()

    def refused(self, budget: str) -> None:
        self._refused.of(budget).inc()

    def used(self, attempt: AttemptRecord) -> None:
        """Account for one attempt that is over."""
        if attempt.input_tokens is None and attempt.output_tokens is None:
            return
        place, asked = (attempt.target, attempt.provider), attempt.input_tokens or 0
        read = min(attempt.cached_input_tokens or 0, asked)
        kept = min(attempt.cache_write_tokens or 0, asked - read)
        for kind, count in (
            ("input", asked - read - kept),
            ("cached_input", read),
            ("cache_write", kept),
            ("output", attempt.output_tokens or 0),
        ):
            if count:
                self._tokens.of(*place, kind).inc(count)
        if attempt.cost_usd is not None:
            self._costs.of(*place).inc(attempt.cost_usd)
        else:
            self._unpriced.of(*place).inc()


def _counter(registry: CollectorRegistry, name: str, doc: str, labels: list[str]) -> Family[Counter]:
    return Family(Counter(name, doc, labels, registry=registry))
