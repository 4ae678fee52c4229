"""Which places rest after failures: one table for all requests, and what one request does about it.

Rule of this module: who rests is passed over only where somebody else may be asked instead. Nobody is refused for it,
unless all who may be asked are in failure domains that are down.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from policyroute.decide.decision import Candidate, Excluded
from policyroute.decide.state import Place as Named
from policyroute.failures import DOMAIN_DOWN, Failure, FailureKind
from policyroute.health.breaker import Circuit
from policyroute.health.cooldowns import Cooling
from policyroute.health.places import MODEL, Place, Scope
from policyroute.health.table import HealthTable
from policyroute.policy.model import Provider, Target
from policyroute.record import COOLING
from policyroute.request import Operation
from policyroute_asgi.domains import members, say
from policyroute_asgi.provider_keys import Pools
from policyroute_asgi.secrets import Key
from policyroute_asgi.trouble import is_reached

logger = logging.getLogger("policyroute.health")

_FALLEN = (
    "Nobody was asked: those who could answer this are at a provider, or in a region, that is down as a whole at this "
    "moment. Ask again later. Whoever runs this gateway can add a target elsewhere to the route."
)

Usable = Callable[[Candidate], Key | Failure | Excluded | None]
"""The key that an attempt at the candidate would go with now, None where it needs none, or why there can be none."""


class Resting:
    """One process's cool-downs and circuits, on one clock (seconds). Other processes have their own, and learn for
    themselves."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.table = HealthTable(seed=os.getpid())
        self._pools: Pools = {}
        self._targets: Mapping[str, Target] = {}
        self.circuits: Mapping[Named, Circuit] = {}
        """Of each target at each provider."""
        self.names: dict[Scope, list[Named]] = {}
        """What the policy calls each place."""
        self._scopes: Mapping[Named, Scope] = {}

    def use(self, pools: Pools, targets: Mapping[str, Target]) -> None:
        """This is the policy from now on."""
        if targets is not self._targets:
            self.table.reloaded()
            self._know(targets)
        self._pools, self._targets = pools, targets

    def _know(self, targets: Mapping[str, Target]) -> None:
        """Where each of them is, and what that falls together with."""
        breakers, domains = self.table.breakers, self.table.domains
        known = [
            (name, provider, place_of(provider, it.model)) for name, it in targets.items() for provider in it.providers
        ]
        self.circuits = {(name, provider.name): breakers.kept(place) for name, provider, place in known}
        self._scopes = {(name, provider.name): place.of(MODEL) for name, provider, place in known}
        self.names = {}
        for named, scope in self._scopes.items():
            self.names.setdefault(scope, []).append(named)
        circuits = [(scope, self.circuits[named]) for named, scope in self._scopes.items()]
        domains.use(members((place.of(MODEL), provider) for _, provider, place in known), circuits, self.clock())
        say(domains, self.names)

    def is_down(self, place: Named) -> bool:
        """Whether the target is in a failure domain that is left alone."""
        domains = self.table.domains
        return bool(domains) and domains.over(self._scopes[place]) is not None

    def states(self) -> Iterator[tuple[str, str, str, float]]:
        """(target, provider, kind of failure, seconds left) where chats are kept away. From any thread."""
        if not self.table:
            return
        now = self.clock()
        for name, target in self._targets.items():
            for provider in target.providers:
                pool = self._pools.get(provider.name, ())
                place = place_of(provider, target.model, Operation.CHAT, pool[0] if pool else None)
                cooling = self.table.cooling(place, now)
                if cooling is not None:
                    yield name, provider.name, cooling.kind.value, cooling.until - now


def _say(candidate: Candidate, table: HealthTable, place: Place, now: float) -> None:
    """The circuit has opened or closed. Names only."""
    names = candidate.target, candidate.provider.name
    if table.breakers.is_broken(place):
        circuit = table.breakers.at(place)
        left, rate = circuit.until - now, circuit.error_rate(now)
        logger.warning("circuit of %s at %s open for %.0f s: %s, error rate %.2f", *names, left, circuit.kind, rate)
    else:
        logger.warning("circuit of %s at %s closed", *names)


class Caution:
    """One request's. `after` are the kinds of failure that another candidate may be asked after."""

    __slots__ = (
        "_after",
        "_asked",
        "_began",
        "_candidates",
        "_clock",
        "_met",
        "_operation",
        "_own",
        "_resting",
        "_table",
        "_waited",
    )

    def __init__(
        self, resting: Resting, candidates: Sequence[Candidate], after: Collection[FailureKind], operation: Operation
    ) -> None:
        self._resting = resting
        self._table = resting.table
        self._clock = resting.clock
        self._candidates = candidates
        self._met: list[Candidate] = []  # whose turn has come
        self._after = after
        self._operation = operation
        self._asked: tuple[Candidate, Key | None] | None = None
        self._began = 0.0
        self._own: tuple[Candidate, float] | None = None
        self._waited = False

    def passed_over(self, candidate: Candidate, key: Key | None, usable: Usable) -> Failure | None:
        """Why the candidate is not asked now, though it could be. None: the attempt begins, and `ended` follows."""
        now = self._clock()
        self._met.append(candidate)
        if self._table:
            place = self._place(candidate, key)
            cooling = self._table.cooling(place, now)
            if cooling is not None and cooling.fallen:
                return Failure(cooling.kind, _FALLEN, code=DOMAIN_DOWN, retry_after=cooling.until - now)
            if cooling is not None and not self._is_own(candidate, cooling) and self._has_better(cooling, usable):
                message = "The target rests after it has failed."
                return Failure(cooling.kind, message, code=COOLING, retry_after=cooling.until - now)
            self._waited = self._table.admitted(place, now)
        self._asked, self._began = (candidate, key), now
        return None

    def begun(self) -> None:
        """The attempt has something to show."""
        if self._table and self._asked is not None:
            place, now = self._place(*self._asked), self._clock()
            self._table.begun(place, now)
            self._leave(place, now)

    def ended(self, failure: Failure | None, first: float | None = None, *, ok: bool) -> None:
        """The attempt is over, `first` seconds after which its stream's first token came. Where neither `ok` nor a
        failure is there to be told, it was ended from our side."""
        if self._asked is None:
            return
        candidate, _ = self._asked
        now, place, table = self._clock(), self._place(*self._asked), self._table
        was = table.breakers.is_broken(place)
        if failure is not None:
            until = table.failed(place, failure, self._began, now, reached=is_reached(failure))
            self._own = (candidate, until)
        elif ok:
            table.succeeded(place, first, self._began, now)
        self._leave(place, now)
        if table.breakers.is_broken(place) is not was:
            _say(candidate, table, place, now)
        table.domains.look(now)
        if table.domains.news:
            say(table.domains, self._resting.names)

    def _leave(self, place: Place, now: float) -> None:
        if self._waited:
            self._waited = False
            self._table.left(place, now)

    def _is_own(self, candidate: Candidate, cooling: Cooling) -> bool:
        """Whether that is no more than what this request has met itself, and waits out in its own way. A circuit
        is open for what many have met."""
        if cooling.broken or self._own is None:
            return False
        return self._own[0] is candidate and cooling.until <= self._own[1]

    def _has_better(self, cooling: Cooling, usable: Usable) -> bool:
        """Whether one whose turn comes later can be asked, and is ready or will be sooner."""
        if cooling.kind not in self._after:
            return False
        now = self._clock()
        for other in self._candidates:
            if any(other is each for each in self._met):
                continue
            key = usable(other)
            if isinstance(key, Failure | Excluded):
                continue
            found = self._table.cooling(self._place(other, key), now)
            if found is None or (found.until < cooling.until and not found.fallen):
                return True
        return False

    def _place(self, candidate: Candidate, key: Key | None) -> Place:
        return place_of(candidate.provider, candidate.model, self._operation, key)


def place_of(provider: Provider, model: str, operation: Operation = Operation.CHAT, key: Key | None = None) -> Place:
    """What is asked there, by whom."""
    endpoint = (provider.base_url, provider.proxy, provider.tls)
    alone = len(provider.api_keys) < 2 and not provider.client_key
    return Place(endpoint, provider.region, model, operation.value, (key or "") if alone else None)
