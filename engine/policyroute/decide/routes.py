"""Routes with their names resolved: from a rule's `route` and a request to the endpoints it names.

Rule of this module: it names and orders; who is eligible is `eligibility`'s business, and a rank is `ordering`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from policyroute.decide.decision import Candidate
from policyroute.decide.endpoints import Endpoint, Endpoints
from policyroute.decide.ordering import key_of, weighted
from policyroute.policy.model import Route
from policyroute.request import ModelRequest

REQUESTED: Final = "requested"
"""The route item that stands for whatever serves the client's `model`."""

Named = tuple[Endpoint, Candidate]


class Plan:
    """One route over the endpoints of its policy set."""

    __slots__ = ("_endpoints", "_fixed", "_named", "route")

    def __init__(self, route: Route, endpoints: Endpoints) -> None:
        self.route = route
        self._endpoints = endpoints
        why = "routed" if route.weights is None else "weighted"
        self._named = {item: _candidates(endpoints.by_target[item], why) for item in route.items if item != REQUESTED}
        depends = route.weights is not None or REQUESTED in route.items
        self._fixed = None if depends else _once(self._named.values())

    def named(self, request: ModelRequest) -> Sequence[Named]:
        """The endpoints that the items stand for, each once, as candidates."""
        if self._fixed is not None:
            return self._fixed
        items: Iterable[str] = self.route.items
        if self.route.weights is not None:
            items = weighted(items, self.route.weights, key_of(request))
        wished = _candidates(self._endpoints.wished(request.model), "requested")
        return _once(wished if item == REQUESTED else self._named[item] for item in items)


def _candidates(endpoints: Iterable[Endpoint], why: str) -> list[Named]:
    return [(place, Candidate(place.spec.name, place.spec, place.provider, why=why)) for place in endpoints]


def _once(groups: Iterable[Iterable[Named]]) -> tuple[Named, ...]:
    found: dict[Endpoint, Candidate] = {}
    for group in groups:
        for endpoint, candidate in group:
            found.setdefault(endpoint, candidate)
    return tuple(found.items())
