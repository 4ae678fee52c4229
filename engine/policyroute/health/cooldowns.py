"""Cool-downs: what has failed is left alone for a while, by everybody.

Rule of this module: `until` never moves back, and what nobody asked for ends within LONGEST. When a window ends one
attempt goes first, and the others wait for what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from policyroute.failures import Failure, FailureKind
from policyroute.health.places import PROVIDED, TRANSPORT, Place, Scope, concerned

FIRST: Final = 1.0
LONGEST: Final = 30.0
"""Seconds that a cool-down lasts where the provider does not say how long: doubled from the one to the other."""
NOT_FOUND: Final = 600.0
"""The same for a model that is not there, unless the policy changes before."""
PROBE: Final = 5.0
"""Seconds that the others wait at most for what the first attempt after a cool-down finds."""
MOST: Final = 4096
"""Cool-downs that are known at once."""


class Cooling(NamedTuple):
    """Until when somebody is left alone, and after what. `broken`: its circuit is open. `fallen`: it is in a failure
    domain that is down, and it is not the time to find out."""

    until: float
    kind: FailureKind
    broken: bool = False
    fallen: bool = False


class _Rest:
    """`row` counts failures one after the other. `held`: until when others wait for an attempt that was let through,
    0.0 where there is none. `open`: everybody is let through once `until` is past."""

    __slots__ = ("held", "kind", "open", "row", "until")

    def __init__(self) -> None:
        self.row = 0
        self.until = 0.0
        self.held = 0.0
        self.open = True
        self.kind = FailureKind.UNAVAILABLE

    @property
    def ready(self) -> float:
        return self.until if self.open else max(self.until, self.held)

    def failed(self, kind: FailureKind, stated: float | None, now: float) -> None:
        resting = self.until > now
        if not resting:  # else the attempt began before, and is no news of how it is after
            self.row += 1
        window = 0.0 if resting and stated is None else _window(kind, stated, self.row)
        if not resting or now + window > self.until:  # else it rests for what it did before
            self.kind = kind
        self.until = max(self.until, now + window) if window else self.until
        self.held = 0.0
        self.open = self.until <= now


def _window(kind: FailureKind, stated: float | None, row: int) -> float:
    if stated is not None:
        return stated
    if kind is FailureKind.MODEL_NOT_FOUND:
        return NOT_FOUND
    steps = row - 2 if kind in TRANSPORT else row - 1
    return min(LONGEST, FIRST * 2.0 ** min(steps, 16)) if steps >= 0 else 0.0


class Cooldowns:
    """One table of them. Times are seconds on one clock that never goes back. Who is in trouble nowhere costs a truth
    test: `if cooldowns`."""

    def __init__(self) -> None:
        self._rests: dict[Scope, _Rest] = {}

    def __bool__(self) -> bool:
        return bool(self._rests)

    def __len__(self) -> int:
        return len(self._rests)

    def cooling(self, place: Place, now: float) -> Cooling | None:
        """Why an attempt should not go there now: the longest of what concerns it."""
        found: Cooling | None = None
        for _, rest in self._of(place):
            ready = rest.ready
            if ready > now and (found is None or ready > found.until):
                found = Cooling(ready, rest.kind)
        return found

    def admitted(self, place: Place, now: float) -> bool:
        """An attempt goes there. Whether others wait for it, since it is the first after a cool-down: then its end has
        to be told here, whatever it is."""
        waited = False
        for _, rest in self._of(place):
            if not rest.open and rest.ready <= now:
                rest.held, waited = now + PROBE, True
        return waited

    def failed(self, place: Place, failure: Failure, now: float, *, reached: bool = True) -> float:
        """Learn from a failure there. Until when it keeps others away; 0.0 where it does not."""
        scope = concerned(place, failure, reached=reached)
        if scope is None:
            if failure.kind is not FailureKind.TIMEOUT_TOTAL:
                self.begun(place, now)  # whoever answers, and be it that the request is wrong, is there
            return 0.0
        rest = self._rests.get(scope)
        if rest is None:
            self._make_room(now)
            rest = self._rests[scope] = _Rest()
        rest.failed(failure.kind, failure.retry_after, now)
        return rest.until

    def begun(self, place: Place, now: float) -> None:
        """An answer has begun there: nobody need wait for more."""
        for _, rest in self._of(place):
            if rest.until <= now:
                rest.open = True

    def succeeded(self, place: Place, now: float) -> None:
        """An answer is complete. That ends no cool-down, for it may have begun before."""
        for scope, rest in self._of(place):
            if rest.until <= now:
                self._rests.pop(scope, None)
            else:
                rest.row = 0

    def left(self, place: Place) -> None:
        """An attempt that others wait for is over. Where it found nothing, another one may be the first."""
        for _, rest in self._of(place):
            rest.held = 0.0

    def reloaded(self) -> None:
        """The policy has changed, and with it, perhaps, the names of models."""
        for scope in [scope for scope in list(self._rests) if scope.what == PROVIDED]:
            self._rests.pop(scope, None)

    def _of(self, place: Place) -> Iterator[tuple[Scope, _Rest]]:
        rests = self._rests
        for scope in place.scopes if rests else ():
            rest = rests.get(scope)
            if rest is not None:
                yield scope, rest

    def _make_room(self, now: float) -> None:
        if len(self._rests) < MOST:
            return
        rests = sorted(self._rests.items(), key=lambda each: each[1].ready)
        over = [scope for scope, rest in rests if rest.ready <= now] or [rests[0][0]]
        for scope in over:
            self._rests.pop(scope, None)
