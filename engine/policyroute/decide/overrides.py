"""What an operator has said by hand for a while: use this target first, leave that provider or target alone.

Rule of this module: values, of one moment. Whoever makes `Overrides` has looked at the clock, so that nothing here has
to; an override orders candidates and takes some out, and lets none in that a rule or a fact keeps out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, Final, Literal, Protocol, TypeVar

DRAINED: Final = "drained"
"""The code of a candidate that is out because its target or its provider is drained."""
OVERRIDE: Final = "override"
"""Why a candidate comes before the others; and what a pin is moved for, where that is so."""


@dataclass(frozen=True, slots=True)
class Override:
    """`name` is a target's to `use`, a target's or a provider's to `drain`; there is one override of a name, the last
    one. `since` and `until` are seconds since 1970. `reason` is the operator's own words, short and printable: they are
    told to operators and in the request log, never to clients."""

    name: str
    action: Literal["use", "drain"]
    reason: str
    since: float
    until: float

    def __str__(self) -> str:
        return f"{self.action} {self.name}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class _Placed(Protocol):
    @property
    def target(self) -> str: ...


P = TypeVar("P", bound=_Placed)


class Overrides:
    """Those in force at one moment, the last one first. False where there are none. `ends` is when the first of them
    ends, in seconds since 1970; endless where there are none."""

    __slots__ = ("_drains", "_uses", "ends", "every")

    def __init__(self, every: Iterable[Override] = ()) -> None:
        last: dict[str, Override] = {}
        for each in sorted(every, key=lambda each: each.since):
            last.pop(each.name, None)
            last[each.name] = each
        self.every: tuple[Override, ...] = tuple(reversed(last.values()))
        self._drains = {each.name: each for each in self.every if each.action == "drain"}
        self._uses = {each.name: place for place, each in enumerate(self.every) if each.action == "use"}
        self.ends = min((each.until for each in self.every), default=inf)

    @classmethod
    def at(cls, known: Iterable[Override], now: float) -> Overrides:
        """Those of `known` that have not ended at `now`, in seconds since 1970."""
        return cls(each for each in known if each.until > now)

    def __bool__(self) -> bool:
        return bool(self.every)

    def drain(self, target: str, provider: str) -> Override | None:
        """By what the target is drained at this provider, if by anything."""
        return self._drains.get(target) or self._drains.get(provider)

    def use(self, target: str) -> Override | None:
        return self.every[self._uses[target]] if target in self._uses else None

    def ordered(self, candidates: Sequence[P]) -> Sequence[P]:
        """Those to be used first, the last override's before another's; all others as they are. The very same sequence
        where that changes nothing."""
        if not self._uses:
            return candidates
        behind = len(self.every)
        places = [self._uses.get(each.target, behind) for each in candidates]
        if places == sorted(places):
            return candidates
        return tuple(each for _, each in sorted(zip(places, candidates, strict=True), key=lambda one: one[0]))

    def of(self, used: Iterable[str], drained: Iterable[tuple[str, str]]) -> tuple[Override, ...]:
        """Those that have to do with these: targets that are candidates, and places that are drained."""
        if not self.every:
            return ()
        found = (*map(self.use, used), *[self.drain(*place) for place in drained])
        return tuple(dict.fromkeys(each for each in found if each is not None))


NONE_IN_FORCE: Final = Overrides()
