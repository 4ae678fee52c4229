"""What the operator's overrides make of a decision's candidates.

Rule of this module: last of all. Who is out by a rule, a fact or a conversation's account stays out; only then is
somebody taken out, or put before the others. Where nobody is left it is refused: a drain has no exception.
"""

from __future__ import annotations

from dataclasses import replace

from policyroute.decide.decision import Candidate, Denial, Excluded
from policyroute.decide.overrides import DRAINED, OVERRIDE, Overrides
from policyroute.decide.pinning import AHEAD

_NOBODY = "All models that may serve this request are taken out of service for a while: try again later"


def drained(overrides: Overrides, target: str, provider: str) -> Excluded | None:
    """Why the target is not asked at this provider now, if an operator does not want it."""
    drain = overrides.drain(target, provider)
    return Excluded(target, provider, DRAINED, None, f"override `{drain}`: {drain.reason}") if drain else None


def steered(
    overrides: Overrides, candidates: tuple[Candidate, ...], out: tuple[Excluded, ...], denied: Denial | None
) -> tuple[tuple[Candidate, ...], tuple[Excluded, ...], Denial | None]:
    """Those that stay, in their order; those that are out; and the refusal where nobody stays. A request that is
    refused already stays so."""
    if denied is not None:
        return candidates, out, denied
    found = [(each, drained(overrides, each.target, each.provider.name)) for each in candidates]
    stay = tuple(each for each, reason in found if reason is None)
    out = (*out, *[reason for _, reason in found if reason is not None])
    if not stay:
        return (), out, Denial(503, DRAINED, _NOBODY, None)
    return put_first(overrides, stay), out, None


def put_first(overrides: Overrides, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """In the order that the operator wants."""
    order = overrides.ordered(candidates)
    if order is candidates:
        return candidates
    return tuple(_marked(each) if overrides.use(each.target) else each for each in order)


def _marked(candidate: Candidate) -> Candidate:
    """Where a conversation is stays known: who it is pinned to is waited for."""
    return candidate if candidate.why in AHEAD else replace(candidate, why=OVERRIDE)
