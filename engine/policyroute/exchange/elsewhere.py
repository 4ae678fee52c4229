"""Who does not fall together with whom has failed: they come first.

Rule of this module: it orders, and drops nobody. Of those who are alike in this the order stays.
"""

from __future__ import annotations

from policyroute.decide.decision import Candidate
from policyroute.decide.pinning import AHEAD


def domains(candidate: Candidate) -> frozenset[str]:
    """What it falls together with: its provider, the base URL, and what the policy or the catalogue says."""
    provider = candidate.provider
    return frozenset((provider.name, provider.base_url, *provider.failure_domains))


def apart_first(later: tuple[Candidate, ...], shaken: frozenset[str]) -> tuple[Candidate, ...]:
    """Those that share no domain with who has failed, then the others. Where a conversation is pinned stays ahead."""
    return tuple(sorted(later, key=lambda each: each.why not in AHEAD and not shaken.isdisjoint(domains(each))))
