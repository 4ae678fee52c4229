"""Failure domains: when places that share something go down together, they are left alone as one.

Rule of this module: it looks at the circuits every EVERY seconds while there is traffic, and else costs a comparison.
A verdict is about places, so that a reload keeps it; one attempt at a time speaks for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from policyroute.failures import FailureKind
from policyroute.health.breaker import CLOSES, PROBE_EVERY, Circuit
from policyroute.health.places import Scope
from policyroute.health.together import Domain, Members, blamed, distinct, is_sudden

EVERY: Final = 5.0
"""Seconds between two looks."""
RECENT, KNOWN = 30.0, 60.0
"""Seconds of attempts that tell whether a place is ill, and whether anything is known of it."""
FIRST_PROBE: Final = 5.0
"""Seconds from a verdict to its first probe: twice as long each time that fails, at most PROBE_EVERY."""
_LEARNS: Final = 0.02
_RARELY: Final = 0.002
_USUALLY: Final = 0.01
_HOUR: Final = EVERY / 3600.0


class Verdict:
    """`members` are left alone; `ill` are those of them that were seen to fail. Until `probe` nobody is asked, then one
    is. `kind` is how they fail. Times are seconds on one clock."""

    __slots__ = ("_answers", "_held", "_pause", "domain", "ill", "kind", "members", "probe", "since")

    def __init__(self, domain: Domain, ill: frozenset[Scope], members: frozenset[Scope], now: float) -> None:
        self.domain = domain
        self.ill = ill
        self.members = members
        self.kind = FailureKind.UNAVAILABLE
        self.since = now
        self._pause = FIRST_PROBE
        self.probe = now + FIRST_PROBE
        self._answers = 0
        self._held = False

    def admitted(self, now: float) -> bool:
        """An attempt goes to one of them. Whether it is the one that others wait for."""
        if self.probe > now:
            return False
        self.probe, self._held = now + PROBE_EVERY, True
        return True

    def left(self, now: float) -> None:
        """The one that was let through has an answer that begins, or is over: if nothing came of it, another may go."""
        if self._held:
            self.probe, self._held = now, False

    def failed(self, began: float, now: float) -> None:
        if began > self.since:
            self._answers, self._held = 0, False
            self._pause = min(PROBE_EVERY, 2.0 * self._pause)
            self.probe = now + self._pause

    def answered(self, began: float, now: float) -> bool:
        """A whole answer. Whether that is enough."""
        if began <= self.since:
            return False
        self._answers += 1
        self.probe, self._held = now, False
        return self._answers >= CLOSES


class News(NamedTuple):
    """A verdict begins, or is over. `instead`: it takes the place of others, which are not told of."""

    verdict: Verdict
    begins: bool
    at: float
    instead: bool = False


class _Watched:
    """One place: its usual share of failures, the share of time that it is ill for itself, and until when what it did
    is forgotten."""

    __slots__ = ("circuit", "forgotten", "rate", "usual")

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.forgotten = -1.0
        self.rate = _RARELY
        self.usual = _USUALLY

    def is_ill(self, now: float) -> bool:
        circuit = self.circuit
        if not circuit.closed:
            return circuit.opened > self.forgotten
        made, failed = circuit.counted(max(now - RECENT, self.forgotten), now)
        if is_sudden(made, failed, self.usual):
            return True
        if made:
            self.usual = max(_USUALLY / 2, self.usual + _LEARNS * (failed / made - self.usual))
        return False

    def is_known(self, now: float) -> bool:
        return self.circuit.counted(max(now - KNOWN, self.forgotten), now)[0] > 0

    def learn(self, ill: bool) -> None:
        self.rate = max(_RARELY, self.rate + _HOUR * (ill - self.rate))


class Domains:
    """The verdicts of one process, on one clock (seconds). Where there is none it costs a truth test: `if domains`."""

    def __init__(self) -> None:
        self.verdicts: dict[Domain, Verdict] = {}
        self.news: list[News] = []
        """What nobody has told of yet: whoever tells it clears it."""
        self._members: Members = {}
        self._watched: dict[Scope, _Watched] = {}
        self._over: dict[Scope, Verdict] = {}
        self._due = 0.0

    def __bool__(self) -> bool:
        return bool(self._over)

    def use(self, members: Members, circuits: Iterable[tuple[Scope, Circuit]], now: float) -> None:
        """What the policy declares from now on. Verdicts stay, as long as anybody is there that they are about."""
        self._members = distinct(members)
        before = self._watched
        self._watched = {scope: before.get(scope) or _Watched(circuit) for scope, circuit in circuits}
        for verdict in list(self.verdicts.values()):
            verdict.members &= self._watched.keys()
            verdict.ill &= self._watched.keys()
            if not verdict.ill:
                self._end(verdict, now)
        self._cover()

    def over(self, scope: Scope) -> Verdict | None:
        """The verdict that the place is left alone for."""
        return self._over.get(scope)

    def answered(self, scope: Scope, began: float, now: float) -> None:
        """A whole answer came from there."""
        verdict = self._over.get(scope)
        if verdict is not None and verdict.answered(began, now):
            self._end(verdict, now)

    def look(self, now: float) -> None:
        """An attempt is over. See how everybody is, if it is time."""
        if now < self._due:
            return
        self._due = now + EVERY
        watched = self._watched
        ill = frozenset(scope for scope, each in watched.items() if self._blames(scope) or each.is_ill(now))
        known = ill | {scope for scope, each in watched.items() if scope not in ill and each.is_known(now)}
        for scope in known:
            if scope not in self._over:
                watched[scope].learn(scope in ill)
        if len(ill) > 1:
            rates = {scope: watched[scope].rate for scope in known}
            found = blamed(self._members, ill, known, rates)
            for domain, down in found.items():
                self._find(domain, down, self._members[domain] - (known - ill), found.keys(), now)
            self._cover()

    def _blames(self, scope: Scope) -> bool:
        verdict = self._over.get(scope)
        return verdict is not None and scope in verdict.ill

    def _find(
        self, domain: Domain, ill: frozenset[Scope], members: frozenset[Scope], found: Collection[Domain], now: float
    ) -> None:
        """That one explains them. Who shows that it is well is not among the members."""
        verdict = self.verdicts.get(domain)
        if verdict is None:
            verdict = Verdict(domain, ill, members, now)
            worse = [old for old in self.verdicts.values() if old.ill & ill and old.domain not in found]
            for old in worse:
                del self.verdicts[old.domain]
                verdict.since = min(verdict.since, old.since)
                verdict.probe = min(verdict.probe, old.probe)
            self.verdicts[domain] = verdict
            self.news.append(News(verdict, True, now, bool(worse)))
        verdict.ill, verdict.members = verdict.ill | ill, members | verdict.ill
        circuits = [self._watched[scope].circuit for scope in ill]
        verdict.kind = next((circuit.kind for circuit in circuits if not circuit.closed), verdict.kind)

    def _end(self, verdict: Verdict, now: float) -> None:
        """What was seen before says nothing any more."""
        del self.verdicts[verdict.domain]
        for scope in verdict.members & self._watched.keys():
            self._watched[scope].forgotten = now
        self.news.append(News(verdict, False, now))
        self._cover()

    def _cover(self) -> None:
        self._over = {scope: verdict for verdict in self.verdicts.values() for scope in verdict.members}
