"""The circuits of all places that were asked: one for each model at a base URL in a region.

Rule of this module: every attempt's end is counted here, so that costs little; who opens is known at a glance.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from policyroute.failures import Failure
from policyroute.health.breaker import Circuit
from policyroute.health.cooldowns import Cooling
from policyroute.health.places import MODEL, Place, Scope, is_the_places

MOST: Final = 4096
"""Circuits that are known at once."""
_NEW: Final = Circuit()


class Breakers:
    """One table of them, on one clock (seconds). Where none is open it costs a truth test: `if breakers`. `seed` is
    another one for each process, so that not all of them ask again at once."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._circuits: dict[Scope, Circuit] = {}
        self._broken: set[Scope] = set()

    def __bool__(self) -> bool:
        return bool(self._broken)

    def __len__(self) -> int:
        return len(self._circuits)

    def at(self, place: Place) -> Circuit:
        """To be read. A place that was never asked has one that is closed."""
        return self._circuits.get(place.of(MODEL), _NEW)

    def kept(self, place: Place) -> Circuit:
        """One that is not forgotten before all others are."""
        scope, circuit = self._known(place)
        self._circuits[scope] = self._circuits.pop(scope)
        return circuit

    def is_broken(self, place: Place) -> bool:
        """Whether its circuit is not closed."""
        return bool(self._broken) and place.of(MODEL) in self._broken

    def cooling(self, place: Place, now: float) -> Cooling | None:
        """Why an attempt should not go there now."""
        if not self.is_broken(place):
            return None
        circuit = self.at(place)
        return Cooling(circuit.probe, circuit.kind, broken=True) if circuit.probe > now else None

    def admitted(self, place: Place, now: float) -> bool:
        """An attempt goes there. Whether it is the one that is let through: then its end has to be told here."""
        return self.is_broken(place) and self.at(place).admitted(now)

    def left(self, place: Place, now: float) -> None:
        """The one that was let through is over, or its answer has begun."""
        if self.is_broken(place):
            self.at(place).left(now)

    def failed(self, place: Place, failure: Failure, began: float, now: float) -> None:
        """An attempt that began at `began` has failed. What is about the request or a key does not count."""
        if is_the_places(failure):
            scope, circuit = self._known(place)
            circuit.failed(failure.kind, began, now)
            self._note(scope, circuit)

    def succeeded(self, place: Place, first: float | None, began: float, now: float) -> None:
        """An answer is complete. `first`: seconds to a stream's first token."""
        scope, circuit = self._known(place)
        circuit.succeeded(first, began, now)
        self._note(scope, circuit)

    def _note(self, scope: Scope, circuit: Circuit) -> None:
        if not circuit.closed:
            self._broken.add(scope)
        elif self._broken:
            self._broken.discard(scope)

    def _known(self, place: Place) -> tuple[Scope, Circuit]:
        scope = place.of(MODEL)
        circuit = self._circuits.get(scope)
        if circuit is None:
            if len(self._circuits) >= MOST:
                self._forget_one()
            seed = crc32(f"{self._seed} {scope.about}".encode())
            circuit = self._circuits[scope] = Circuit(seed)
        return scope, circuit

    def _forget_one(self) -> None:
        """The first that is closed, or the first."""
        over = next((scope for scope in self._circuits if scope not in self._broken), next(iter(self._circuits)))
        self._circuits.pop(over)
        self._broken.discard(over)
