"""What is known of where attempts go: the cool-downs after failures, and the circuits.

Rule of this module: it adds nothing to the two. Of what both say, what lasts longer holds.
"""

from __future__ import annotations

from policyroute.failures import Failure
from policyroute.health.breakers import Breakers
from policyroute.health.cooldowns import Cooldowns, Cooling
from policyroute.health.places import Place


class HealthTable:
    """One process's table. Times are seconds on one clock that never goes back. Who is in trouble nowhere costs a truth
    test: `if health`. `seed` is another one for each process (`Breakers`)."""

    def __init__(self, seed: int = 0) -> None:
        self.rests = Cooldowns()
        self.breakers = Breakers(seed)

    def __bool__(self) -> bool:
        return bool(self.rests) or bool(self.breakers)

    def cooling(self, place: Place, now: float) -> Cooling | None:
        """Why an attempt should not go there now."""
        rest, broken = self.rests.cooling(place, now), self.breakers.cooling(place, now)
        if rest is None or broken is None:
            return rest or broken
        return Cooling(max(rest.until, broken.until), rest.kind if rest.until > broken.until else broken.kind, True)

    def admitted(self, place: Place, now: float) -> bool:
        """An attempt goes there. Whether others wait for it: then its end has to be told here, whatever it is."""
        rest = self.rests.admitted(place, now)
        return self.breakers.admitted(place, now) or rest

    def begun(self, place: Place, now: float) -> None:
        """An answer has begun there: nobody need wait for more."""
        self.rests.begun(place, now)

    def failed(self, place: Place, failure: Failure, began: float, now: float, *, reached: bool = True) -> float:
        """An attempt that began at `began` has failed. Until when its cool-down keeps others away; 0.0 where there is
        none."""
        self.breakers.failed(place, failure, began, now)
        return self.rests.failed(place, failure, now, reached=reached)

    def succeeded(self, place: Place, first: float | None, began: float, now: float) -> None:
        """An answer is complete. `first`: seconds to a stream's first token."""
        self.breakers.succeeded(place, first, began, now)
        if self.rests:
            self.rests.succeeded(place, now)

    def left(self, place: Place, now: float) -> None:
        """An attempt that others wait for has an answer that begins, or is over. Where it found nothing, another one
        may be the first."""
        self.breakers.left(place, now)
        self.rests.left(place)

    def reloaded(self) -> None:
        """The policy has changed, and with it, perhaps, the names of models."""
        self.rests.reloaded()
