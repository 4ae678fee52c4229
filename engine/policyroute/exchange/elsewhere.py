"""Who does not fall together with whom has failed: they come first.

Rule of this module: it orders, and drops nobody. Of those who are alike in this the order stays.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from policyroute.decide.decision import Candidate
from policyroute.decide.pinning import AHEAD
from policyroute.health.together import Domain
from policyroute.policy.model import Provider

REGION = "region"


def domains(provider: Provider) -> list[Domain]:
    """What it falls together with, the closest first: itself, its host, what the policy or the catalogue says, and its
    region."""
    host = urlsplit(provider.base_url).netloc.rpartition("@")[2] or provider.base_url
    declared = [Domain("failure_domain", name) for name in provider.failure_domains]
    every = [Domain("provider", provider.name), Domain("host", host), *declared, Domain(REGION, provider.region)]
    return [each for each in every if each.value]


def apart_first(later: tuple[Candidate, ...], shaken: Collection[Domain]) -> tuple[Candidate, ...]:
    """Those that share no domain with who has failed, then those in the same region, then the others. Where a
    conversation is pinned stays ahead. A failure domain may be named like a provider, which is then in it."""
    names = {each.value for each in shaken if each.tag != REGION}

    def nearness(candidate: Candidate) -> int:
        if candidate.why in AHEAD:
            return 0
        own = domains(candidate.provider)
        if any(each.value in names for each in own if each.tag != REGION):
            return 2
        return int(any(each in shaken for each in own))

    return tuple(sorted(later, key=nearness))
