"""Routes with their names resolved: from a rule's `route` and a request to the endpoints it names.

Rule of this module: it names and orders; who is eligible is `eligibility`'s business, and a rank is `ordering`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from policyroute.decide.decision import Candidate
from policyroute.decide.endpoints import AUTO, Endpoint, Endpoints
from policyroute.decide.ordering import key_of, weighted
from policyroute.policy.model import Route
from policyroute.request import ModelRequest

REQUESTED: Final = "requested"
"""The route item that stands for whatever serves the client's `model`."""

Named = tuple[Endpoint, Candidate]

Pool = Mapping[str, Mapping[Endpoint, Candidate]]
"""Every endpoint as a candidate, by why it is one. Made once a policy set: a request makes none."""


def pool(endpoints: Endpoints) -> Pool:
    every = [endpoint for places in endpoints.by_target.values() for endpoint in places]
    return {
        why: {place: Candidate(place.spec.name, place.spec, place.provider, why=why) for place in every}
        for why in ("routed", "weighted", "requested")
    }


class Plan:
    """One route over the endpoints of its policy set."""

    __slots__ = ("_endpoints", "_kept", "_named", "_requested", "route")

    def __init__(self, route: Route, endpoints: Endpoints, known: Pool) -> None:
        self.route = route
        self._endpoints = endpoints
        self._named = known["routed" if route.weights is None else "weighted"]
        self._requested = known["requested"]
        self._kept: dict[str, tuple[Named, ...]] = {}

    def named(self, request: ModelRequest) -> Sequence[Named]:
        """The endpoints that the items stand for, each once, as candidates."""
        wished = self._endpoints.wished(request.model)
        if self.route.weights is not None:
            return self._once(weighted(self.route.items, self.route.weights, key_of(request)), wished)
        # Without chance only the wish matters, and only names that something serves: there are no more than those.
        wish = request.model if wished else AUTO
        kept = self._kept.get(wish)
        if kept is None:
            kept = self._kept[wish] = self._once(self.route.items, wished)
        return kept

    def _once(self, items: Iterable[str], wished: Iterable[Endpoint]) -> tuple[Named, ...]:
        found: dict[Endpoint, Candidate] = {}
        for item in items:
            if item == REQUESTED:
                for endpoint in wished:
                    found.setdefault(endpoint, self._requested[endpoint])
            else:
                for endpoint in self._endpoints.by_target[item]:
                    found.setdefault(endpoint, self._named[endpoint])
        return tuple(found.items())
