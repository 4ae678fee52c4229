"""Whether places that fail have something in common that explains it: their provider, its host, a region, a domain.

Rule of this module: functions of values. What chance would do as well explains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import comb
from typing import Final, NamedTuple

from policyroute.health.places import Scope

SHARE: Final = 0.7
"""The share of a domain's members, of those of which anything is known, that has to be ill: of three, all."""
BEYOND: Final = 0.25
"""By how much that share has to be more than the share outside."""
CHANCE: Final = 1e-4
"""How probable it may be that so many are ill, each for its own reasons."""
SUDDEN: Final = 1e-3
"""How probable it may be that a place that is as ever fails so often."""
FEWEST, OFTEN, MORE = 5, 0.2, 3.0
"""Attempts that tell whether a place is ill; the share that fails then, and how many times as many as usual."""

ALL: Final = "all"


class Domain(NamedTuple):
    """What places have in common: `("provider", "openai")`, `("region", "eu")`. Of the tag `all` everybody is."""

    tag: str
    value: str

    def __str__(self) -> str:
        return f"{self.tag} {self.value}" if self.value else "every provider"


Members = Mapping[Domain, frozenset[Scope]]
"""The places that are in each. Of domains with the same members the first is the one that is blamed."""


def distinct(members: Members) -> dict[Domain, frozenset[Scope]]:
    """Those that have several members, and not the same as another before them."""
    found: dict[frozenset[Scope], Domain] = {}
    for domain, places in members.items():
        if len(places) > 1:
            found.setdefault(places, domain)
    return {domain: places for places, domain in found.items()}


def is_sudden(made: int, failed: int, usual: float) -> bool:
    """Whether so many failures of so many attempts are news of a place where that share of them fails usually."""
    if made < FEWEST or failed < max(OFTEN, MORE * usual) * made:
        return False
    fewer = sum(comb(made, n) * usual**n * (1.0 - usual) ** (made - n) for n in range(failed))
    return 1.0 - fewer < SUDDEN


def blamed(members: Members, ill: frozenset[Scope], known: frozenset[Scope], rates: Mapping[Scope, float]) -> Members:
    """The domains that explain who is `ill`, of those that something is `known` of, with their members that are ill.

    `rates`: the share of time that each is ill for reasons of its own. The one that differs most from what is outside
    it comes first; what it explains is left out where others are looked at.
    """
    found: dict[Domain, frozenset[Scope]] = {}
    looked_at: set[Domain] = set()
    while len(ill) > 1:
        looked = [
            (_beyond(places, ill, known), len(places & ill), domain)
            for domain, places in members.items()
            if domain not in looked_at
        ]
        likely = [each for each in looked if each[0] >= BEYOND]
        if not likely:
            break
        _, _, domain = max(likely, key=lambda each: each[:2])
        looked_at.add(domain)
        here = members[domain] & known
        if _by_chance([rates[place] for place in here], len(here & ill)) < CHANCE:
            found[domain] = here & ill
            ill, known = ill - here, known - here
    return found


def _beyond(places: frozenset[Scope], ill: frozenset[Scope], known: frozenset[Scope]) -> float:
    """By how much more of them are ill than of the others; 0.0 where they are too few to be blamed."""
    here, others = places & known, known - places
    down = len(here & ill)
    if down < 2 or down < SHARE * len(here):
        return 0.0
    return down / len(here) - (len(others & ill) / len(others) if others else 0.0)


def _by_chance(rates: Iterable[float], least: int) -> float:
    """The probability that so many or more are ill at one time, each on its own."""
    exactly = [1.0]
    for rate in rates:
        exactly = [
            stays * (1.0 - rate) + joins * rate for stays, joins in zip([*exactly, 0.0], [0.0, *exactly], strict=True)
        ]
    return sum(exactly[least:])
