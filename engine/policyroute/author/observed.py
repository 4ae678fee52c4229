"""What an embedded test says was observed, as a decision reads it.

Rule of this module: values in, values out. What cannot be read raises ValueError.
"""

from __future__ import annotations

from collections.abc import Mapping

from policyroute.cel.values import Timestamp
from policyroute.decide.state import GatewayLoad, Health, Latency, Place, RoutingState
from policyroute.health.quality import Quality
from policyroute.policy.cases import Given
from policyroute.policy.given_targets import GivenHealth
from policyroute.policy.model import Program


def state_of(program: Program, given: Given) -> RoutingState:
    """What is said of a target holds at each of its providers."""
    latency: dict[Place, Latency] = {}
    health: dict[Place, Health] = {}
    in_flight: dict[Place, int] = {}
    quality: dict[tuple[str, str], Quality] = {}
    for name, seen in given.targets.items():
        target = program.targets.get(name)
        for provider in target.providers if target else ():
            if seen.latency:
                latency[name, provider.name] = Latency(**seen.latency.model_dump())
            if seen.health:
                health[name, provider.name] = health_of(seen.health)
            answers = {name: rate for name in Quality._fields if (rate := getattr(seen, name)) is not None}
            if answers and target is not None:
                quality[provider.name, target.model] = Quality(**answers)
            if seen.in_flight is not None:
                in_flight[name, provider.name] = seen.in_flight
    load = GatewayLoad(**given.gateway.model_dump(exclude_none=True))
    return RoutingState(latency, in_flight, load, health=health, quality=_Given(quality))


class _Given:
    """What is said of models, whatever the schema."""

    def __init__(self, known: Mapping[tuple[str, str], Quality]) -> None:
        self._known = known

    def at(self, provider: str, model: str, schema: str, now: float) -> Quality:
        del schema, now
        return self._known.get((provider, model), Quality())


def health_of(given: GivenHealth) -> Health:
    """Raises ValueError where `open_until` is no moment."""
    until = given.open_until
    return Health(given.state, given.error_rate, None if until is None else seconds(until), given.domain_down)


def seconds(written: str) -> float:
    """Of a moment in RFC 3339, since 1970. Raises ValueError."""
    return Timestamp.parse(written).utc().timestamp()
