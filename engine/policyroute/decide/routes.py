"""Routes with their names resolved: from a rule's `route` and a request to the endpoints it names.

Rule of this module: it names and orders; who is eligible is `eligibility`'s business, and a rank is `ordering`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from policyroute.decide.constraints import Constraint, first_breach
from policyroute.decide.decision import Candidate, Excluded
from policyroute.decide.effects import Order
from policyroute.decide.eligibility import breached
from policyroute.decide.endpoints import AUTO, Endpoint, Endpoints
from policyroute.decide.facts import Facts
from policyroute.decide.ordering import Named, key_of, weighted
from policyroute.decide.pinning import AHEAD, SAME_TARGET, Ahead
from policyroute.policy.actions import REQUESTED, Route
from policyroute.request import ModelRequest, Operation

_KEPT: Final = 1024


class Lineup:
    """Those a route names for a request, in order.

    `open_to`: the dialect all of them speak and the size of body (bytes) that fits each, where they lack nothing that a
    conversation may need; one in that dialect, no larger, meets no obstacle at any of them. None where it depends on
    the request. `targets` are their names. `out` are those that the route names too and that do not meet what is
    demanded of them (`meeting`).
    """

    __slots__ = ("_meeting", "candidates", "named", "open_to", "out", "targets")

    def __init__(self, named: tuple[Named, ...], out: tuple[Excluded, ...] = ()) -> None:
        dialects = {endpoint.dialect for endpoint, _ in named}
        able = all(Operation.CHAT in endpoint.serves and not endpoint.lacks for endpoint, _ in named)
        alike = len(dialects) == 1 and able
        self.named = named
        self.candidates = tuple([candidate for _, candidate in named])
        self.open_to = (dialects.pop(), min(endpoint.window for endpoint, _ in named)) if alike else None
        self.targets = frozenset(endpoint.spec.name for endpoint, _ in named)
        self.out = out
        self._meeting: dict[tuple[Constraint, ...], Lineup | None] = {}

    def unobstructed(self, facts: Facts) -> bool:
        """Whether nobody in it can be out: then nobody has to be asked."""
        request = facts.request
        if self.open_to is None or facts.state.missing_secrets or facts.state.counts.narrowed:
            return False
        if facts.granted is not None and not self.targets <= facts.granted.keys():
            return False
        chat = request.operation is Operation.CHAT
        return chat and request.dialect == self.open_to[0] and request.size <= self.open_to[1]

    def meeting(self, constraints: tuple[Constraint, ...], facts: Facts) -> Lineup | None:
        """Those of it that meet the constraints; None where that depends on the request. Found once for each set of
        constraints, since what a policy says of its targets does not change."""
        if not constraints:
            return self
        try:
            return self._meeting[constraints]
        except KeyError:
            if len(self._meeting) >= _KEPT:
                self._meeting.clear()
            found = self._meeting[constraints] = self._met(constraints, facts)
            return found

    def _met(self, constraints: tuple[Constraint, ...], facts: Facts) -> Lineup | None:
        if not all(constraint.steady for constraint in constraints):
            return None
        out: dict[Endpoint, Excluded] = {}
        for endpoint, _ in self.named:
            if unmet := first_breach(constraints, endpoint, facts):
                constraint, breach = unmet
                if breach.erred:  # every request is to tell of it
                    return None
                out[endpoint] = breached(endpoint, constraint.rule, breach)
        named = tuple([each for each in self.named if each[0] not in out])
        return Lineup(named, tuple(out.values())) if named else None


Pool = Mapping[str, Mapping[Endpoint, Candidate]]
"""Every endpoint as a candidate, by why it is one. Made once a policy set: a request makes none."""


def pool(endpoints: Endpoints) -> Pool:
    every = [endpoint for places in endpoints.by_target.values() for endpoint in places]
    return {
        why: {
            place: Candidate(place.spec.name, place.spec, place.provider, why=why, concerns=place.concerns)
            for place in every
        }
        for why in ("routed", "weighted", "requested", *AHEAD)
    }


class Plan:
    """One route over the endpoints of its policy set. `order` is by what it is ranked, None where it is not."""

    __slots__ = ("_endpoints", "_kept", "_known", "_named", "order", "route")

    def __init__(self, rule: str, route: Route, endpoints: Endpoints, known: Pool) -> None:
        self.route = route
        self.order = None if route.rank is None else Order(rule, "route.rank", route.rank)
        self._endpoints = endpoints
        self._named = known["routed" if route.weights is None else "weighted"]
        self._known = known
        self._kept: dict[str | tuple[str, Ahead], Lineup] = {}

    @property
    def as_written(self) -> bool:
        """Whether its items are tried in the order in which they are written."""
        return self.order is None and self.route.weights is None

    def lineup(self, request: ModelRequest, tenant: str, ahead: Ahead = ()) -> Lineup:
        """The endpoints `ahead`, then those that the items stand for, each once, as candidates."""
        wished = self._endpoints.wished(request.model)
        if self.route.weights is not None:
            return self._once(weighted(self.route.items, self.route.weights, key_of(request, tenant)), wished, ahead)
        # Without chance only the wish matters, and only names that something serves: there are no more than those.
        wish = request.model if wished else AUTO
        key = (wish, ahead) if ahead else wish
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            kept = self._kept[key] = self._once(self.route.items, wished, ahead)
        return kept

    def _once(self, items: Iterable[str], wished: Iterable[Endpoint], ahead: Ahead) -> Lineup:
        found = self._ahead(ahead) if ahead else {}
        requested = self._known["requested"]
        for item in items:
            if item == REQUESTED:
                for endpoint in wished:
                    found.setdefault(endpoint, requested[endpoint])
            else:
                for endpoint in self._endpoints.by_target[item]:
                    found.setdefault(endpoint, self._named[endpoint])
        return Lineup(tuple(found.items()))

    def _ahead(self, ahead: Ahead) -> dict[Endpoint, Candidate]:
        """Those of these places that there are, then the other providers of the last one's target."""
        found: dict[Endpoint, Candidate] = {}
        for why, place in ahead:
            if endpoint := self._endpoints.at(*place):
                found[endpoint] = self._known[why][endpoint]
        for endpoint in self._endpoints.by_target.get(ahead[-1][1][0], ()):
            found.setdefault(endpoint, self._known[SAME_TARGET][endpoint])
        return found
