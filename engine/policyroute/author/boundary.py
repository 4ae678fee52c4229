"""What of a sample request would go to each of its candidates, for the eyes of the policy's author.

Rule of this module: it is built as an attempt is, so that what is shown is what would be sent. No text of the request
is in what is said of it, but for `body`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policyroute.changes import Change
from policyroute.decide.decision import Candidate, Decision, Excluded, Hop
from policyroute.decide.policy_set import PolicySet
from policyroute.decide.state import RoutingState
from policyroute.exchange.commands import Attempt
from policyroute.exchange.passage import NotForIt, Passage
from policyroute.exchange.payload import Payload, build
from policyroute.exchange.redacting import Secrecy
from policyroute.exchange.resume import Addition
from policyroute.request import ModelRequest
from policyroute.scrub import Cut, Sizes
from policyroute.scrub.outcome import shown


@dataclass(frozen=True, slots=True)
class Told:
    """What a candidate would be sent. `before` and `after` are bytes of the texts, as the scrubbing found and left
    them; `cuts` is what it took out. `normalised` is what was changed since it crosses, `adapted` what the candidate
    would not take otherwise; `found` is how much of each kind was redacted. `body` is what goes over the wire."""

    before: Sizes
    after: Sizes
    cuts: tuple[Cut, ...]
    assertions: tuple[str, ...]
    normalised: tuple[Change, ...]
    adapted: tuple[Change, ...]
    found: Mapping[str, int]
    body: bytes = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "cuts": [{**cut.as_json(), "id": shown(cut.path)} for cut in self.cuts],
            "assertions": list(self.assertions),
            "normalised": [change.as_json() for change in self.normalised],
            "adapted": [change.as_json() for change in self.adapted],
            "found": dict(self.found),
            "bytes": len(self.body),
        }


@dataclass(frozen=True, slots=True)
class HopTrace:
    """`crosses`: a candidate before it was told already. `told` is None where it is passed over, for the reason in
    `refusal`. `reached`: the limits of `fallback` let it be asked, if all before it fail once. `scrubs` and
    `redactions` are the rules that apply to it, with what they use: a profile, a mode."""

    candidate: Candidate
    crosses: bool
    reached: bool
    scrubs: tuple[tuple[str, str], ...] = ()
    redactions: tuple[tuple[str, str], ...] = ()
    told: Told | None = None
    refusal: Excluded | None = None

    def as_json(self) -> dict[str, Any]:
        provider = self.candidate.provider
        return {
            "target": self.candidate.target,
            "provider": provider.name,
            "region": provider.region,
            "clearance": provider.clearance.label,
            "crosses": self.crosses,
            "reached": self.reached,
            "scrubs": [{"rule": rule, "profile": profile} for rule, profile in self.scrubs],
            "redactions": [{"rule": rule, "mode": mode} for rule, mode in self.redactions],
            "refusal": self.refusal.as_json() if self.refusal else None,
            "told": self.told.as_json() if self.told else None,
        }


@dataclass(frozen=True, slots=True)
class BoundaryTrace:
    """One for each candidate, in the order in which they are asked."""

    hops: tuple[HopTrace, ...]

    @property
    def home(self) -> HopTrace | None:
        """Who is told first; None where nobody may be."""
        return next((hop for hop in self.hops if hop.told), None)

    @property
    def left(self) -> tuple[HopTrace, ...]:
        """Who can still be told if the first one fails."""
        return tuple(hop for hop in self.hops if hop.told and hop.reached)[1:]

    def at(self, target: str, provider: str) -> HopTrace | None:
        """None of one that is no candidate."""
        places = ((hop.candidate.target, hop.candidate.provider.name, hop) for hop in self.hops)
        return next((hop for *place, hop in places if place == [target, provider]), None)

    def as_json(self) -> dict[str, Any]:
        home = self.home
        return {
            "hops": [hop.as_json() for hop in self.hops],
            "home": _named(home) if home else None,
            "left": [_named(hop) for hop in self.left],
        }


def crossings(
    policy: PolicySet, request: ModelRequest, decision: Decision, state: RoutingState, secrecy: Secrecy
) -> BoundaryTrace:
    """Of each candidate, as if all before it had failed before they said anything, in a conversation that begins with
    this request; where it goes round in circles, with what is done about that. `secrecy` needs pseudonyms, and gets
    those of the values that are found."""
    hops: list[HopTrace] = []
    home = ""
    sent = 0
    most = min(decision.fallback.max_swaps + 1, decision.fallback.max_attempts)
    for candidate in decision.candidates:
        name = candidate.provider.name
        hop = policy.hop(decision, candidate, state)
        told = Addition(Attempt(sent + 1, candidate, 0.0), decision.resume, reaction=decision.reaction)
        traced = _hop(request, hop, secrecy, told, crosses=home not in ("", name), reached=sent < most)
        hops.append(traced)
        if traced.told:
            home = home or name
            sent += 1
    return BoundaryTrace(tuple(hops))


def _hop(  # noqa: PLR0913 - what an attempt is built of, and where it stands
    request: ModelRequest, hop: Hop, secrecy: Secrecy, addition: Addition, *, crosses: bool, reached: bool
) -> HopTrace:
    told, refusal = None, hop.excluded
    if refusal is None:
        passage = Passage(hop, secrecy, addition.said(request), crosses=crosses, measured=True)
        try:
            told = _told(build(request, hop, None, addition, passage), passage, addition.changes)
        except NotForIt as error:
            refusal = error.reason
    scrubs = tuple((rule, effect.profile.name) for rule, effect in hop.scrubs)
    redactions = tuple((rule, effect.mode) for rule, effect in hop.redactions)
    return HopTrace(hop.candidate, crosses, reached, scrubs, redactions, told, refusal)


def _told(payload: Payload, passage: Passage, added: tuple[Change, ...]) -> Told:
    body, found = payload.outbound.body, passage.scrubbed
    adapted = (*added, *payload.changes[len(passage.changes) :])
    if found is None:
        unread = Sizes.unread(len(body))
        return Told(unread, unread, (), (), passage.changes, adapted, passage.counts, body)
    return Told(found.before, found.after, found.cuts, found.checked, passage.changes, adapted, passage.counts, body)


def _named(hop: HopTrace) -> dict[str, str]:
    return {"target": hop.candidate.target, "provider": hop.candidate.provider.name}
