"""The numbers at `/metrics` that are about attempts: swaps by cause, how many are open.

Rule of this module: as in `metrics`, labels are names from the policy and codes of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from policyroute.decide.state import Place
from policyroute.record import AttemptRecord
from policyroute_asgi.metrics import Family


class _Open(Collector):
    """Read whenever the metrics are."""

    def __init__(self, attempts: Mapping[Place, int]) -> None:
        self._attempts = attempts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "policyroute_in_flight_attempts", "Attempts at targets that are open now", labels=["target", "provider"]
        )
        for (target, provider), count in list(self._attempts.items()):
            family.add_metric([target, provider], count)
        yield family


class AttemptMetrics:
    """In one registry. `attempts` are those that are open, by place: read, never changed."""

    def __init__(self, registry: CollectorRegistry, attempts: Mapping[Place, int]) -> None:
        self._swaps = Family(
            Counter(
                "policyroute_swaps",
                "Attempts at somebody else after one that failed, by whom that was left and the failure",
                ["target", "provider", "cause"],
                registry=registry,
            )
        )
        registry.register(_Open(attempts))

    def count(self, attempts: Sequence[AttemptRecord]) -> None:
        """All of one request, when it is over."""
        for before, after in pairwise(attempts):
            if (before.target, before.provider) != (after.target, after.provider):
                self._swaps.of(before.target, before.provider, before.outcome).inc()
