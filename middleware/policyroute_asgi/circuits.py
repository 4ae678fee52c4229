"""What rules and metrics see of the circuits, by target and provider.

Rule of this module: a live view, which keeps nothing. Names come from the policy in use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from policyroute.decide.state import WELL, Health, Place
from policyroute.health.breaker import Circuit
from policyroute_asgi.resting import Resting


class Circuits(Mapping[Place, Health]):
    """Each read says what is known at this moment. `wall` is seconds since 1970."""

    def __init__(self, resting: Resting, wall: Callable[[], float] = time.time) -> None:
        self._resting = resting
        self._wall = wall

    def __getitem__(self, key: Place) -> Health:
        known = self._of(self._resting.circuits[key])
        return known._replace(domain_down=True) if self._resting.is_down(key) else known

    def states(self) -> Iterator[tuple[str, str, str]]:
        """(target, provider, state). From any thread."""
        for (target, provider), circuit in self._resting.circuits.items():
            yield target, provider, self._of(circuit).state

    def _of(self, circuit: Circuit) -> Health:
        now = self._resting.clock()
        if circuit.closed:
            rate = circuit.error_rate(now)
            return Health(error_rate=rate) if rate else WELL
        return Health(circuit.state(now).value, circuit.error_rate(now), self._wall() + circuit.until - now)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._resting.circuits)

    def __len__(self) -> int:
        return len(self._resting.circuits)


class CircuitStates(Collector):
    """Read whenever the metrics are."""

    def __init__(self, circuits: Circuits) -> None:
        self._circuits = circuits

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "policyroute_target_state",
            "1 for the state that a target's circuit is in: closed, open, half_open",
            labels=["target", "provider", "state"],
        )
        for labels in self._circuits.states():
            family.add_metric(labels, 1)
        yield family
