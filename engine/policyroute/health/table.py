"""What is known of where attempts go: the cool-downs after failures, the circuits, and the domains that are down.

Rule of this module: it adds nothing to the three. A verdict on a domain speaks for its members' circuits; else, of what
is said, what lasts longer holds.
"""

from __future__ import annotations

from policyroute.failures import Failure
from policyroute.health.breakers import Breakers
from policyroute.health.cooldowns import Cooldowns, Cooling
from policyroute.health.domains import Domains, Verdict
from policyroute.health.places import MODEL, Place, is_the_places


class HealthTable:
    """One process's table. Times are seconds on one clock that never goes back. Who is in trouble nowhere costs a truth
    test: `if health`. `seed` is another one for each process (`Breakers`)."""

    def __init__(self, seed: int = 0) -> None:
        self.rests = Cooldowns()
        self.breakers = Breakers(seed)
        self.domains = Domains()

    def __bool__(self) -> bool:
        return bool(self.rests) or bool(self.breakers) or bool(self.domains)

    def verdict(self, place: Place) -> Verdict | None:
        """On the domain that keeps attempts from going there, but for one at a time."""
        return self.domains.over(place.of(MODEL)) if self.domains else None

    def cooling(self, place: Place, now: float) -> Cooling | None:
        """Why an attempt should not go there now."""
        rest, verdict = self.rests.cooling(place, now), self.verdict(place)
        if verdict is not None:
            if verdict.probe <= now:
                return rest
            until = verdict.probe if rest is None else max(rest.until, verdict.probe)
            return Cooling(until, verdict.kind, broken=True, fallen=True)
        broken = self.breakers.cooling(place, now)
        if rest is None or broken is None:
            return rest or broken
        return Cooling(max(rest.until, broken.until), rest.kind if rest.until > broken.until else broken.kind, True)

    def admitted(self, place: Place, now: float) -> bool:
        """An attempt goes there. Whether others wait for it: then its end has to be told here, whatever it is."""
        rest, verdict = self.rests.admitted(place, now), self.verdict(place)
        probes = verdict is not None and verdict.admitted(now)
        return self.breakers.admitted(place, now) or probes or rest

    def begun(self, place: Place, now: float) -> None:
        """An answer has begun there: nobody need wait for more."""
        self.rests.begun(place, now)

    def failed(self, place: Place, failure: Failure, began: float, now: float, *, reached: bool = True) -> float:
        """An attempt that began at `began` has failed. Until when its cool-down keeps others away; 0.0 where there is
        none."""
        self.breakers.failed(place, failure, began, now)
        verdict = self.verdict(place)
        if verdict is not None and is_the_places(failure):
            verdict.failed(began, now)
        return self.rests.failed(place, failure, now, reached=reached)

    def succeeded(self, place: Place, first: float | None, began: float, now: float) -> None:
        """An answer is complete. `first`: seconds to a stream's first token."""
        self.breakers.succeeded(place, first, began, now)
        if self.domains:
            self.domains.answered(place.of(MODEL), began, now)
        if self.rests:
            self.rests.succeeded(place, now)

    def left(self, place: Place, now: float) -> None:
        """An attempt that others wait for has an answer that begins, or is over. Where it found nothing, another one
        may be the first."""
        verdict = self.verdict(place)
        if verdict is not None:
            verdict.left(now)
        self.breakers.left(place, now)
        self.rests.left(place)

    def reloaded(self) -> None:
        """The policy has changed, and with it, perhaps, the names of models."""
        self.rests.reloaded()
