"""What a test or an explanation says of a conversation, as a gateway would remember it, and what it expects of it.

Rule of this module: in a gateway's order. Rules say which conversation it is before what is kept of it counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from policyroute.clearance import Clearance
from policyroute.decide import Decision, PolicySet, RoutingState, RuleError
from policyroute.decide.pinning import PINNED
from policyroute.policy.cases import Expect, Given, GivenSession
from policyroute.policy.model import Program
from policyroute.policy.report import suggestion
from policyroute.request import Client, ModelRequest
from policyroute.sessions import DEFAULT_SETTINGS, Pin, Place, Session, Settings
from policyroute.sessions.session import Warm

_TOLD = ("turn", "age", "target", "switches", "divergence", "profile")
"""What is said of a conversation only if there is one."""


class Held(NamedTuple):
    """The request as its conversation makes it, what is kept of that, how secret what it showed before is, and what
    could not be evaluated in finding it."""

    request: ModelRequest
    session: Session | None
    labels: tuple[Clearance, ...]
    errors: tuple[RuleError, ...]


def held(policy: PolicySet, given: Given, request: ModelRequest, state: RoutingState, client: Client) -> Held:
    """Raises ValueError where what is given makes no conversation."""
    errors: list[RuleError] = []
    key = policy.conversation_key(request, client, state, request.time, errors)
    if key:
        request = request.declaring(conversation_id=key)
    session = _session(policy.program, given, request)
    if session is not None and session.profile != request.profile:
        request = request.declaring(profile=session.profile)
    if session is not None:
        session = replace(session, settings=_settings(policy, session, request, state, client))
    labels = tuple(sorted({Clearance.named(name) for name in given.session.labels or ()}))
    return Held(request, session, labels, tuple(errors))


def _session(program: Program, given: Given, request: ModelRequest) -> Session | None:
    said, now = given.session, request.time
    warm = {
        place: Warm(now, request.input_tokens)
        for name, seen in given.targets.items()
        if seen.cache_warm
        for place in _places(program, name)
    }
    if not warm and all(getattr(said, name) is None for name in _TOLD):
        return None
    if said.profile is not None and said.profile not in program.profiles.known:
        raise ValueError(f"no profile is called `{said.profile}`: {suggestion(said.profile, program.profiles.known)}")
    pin = _pin(program, said)
    return Session(
        said.profile or request.profile,
        DEFAULT_SETTINGS,
        began=now - (said.age or 0.0),
        last=now,
        turns=(said.turn or 2) - 1,
        pin=pin,
        home=pin.place if pin is not None else None,
        served=pin.place if pin is not None else None,
        divergence=said.divergence or 0,
        warm=warm,
    )


def _settings(
    policy: PolicySet, session: Session, request: ModelRequest, state: RoutingState, client: Client
) -> Settings:
    """What the request would be given if it were the first of the conversation; what is pinned is held so."""
    first = policy.decide(request, state, request.time, client=client).session
    return replace(first, pin=first.pin or session.pin is not None)


def _pin(program: Program, said: GivenSession) -> Pin | None:
    """At the target's first provider."""
    if said.target is None:
        if said.switches:
            raise ValueError("a conversation that was moved is somewhere: `session` has `switches` and no `target`")
        return None
    places = _places(program, said.target)
    if not places:
        hint = suggestion(said.target, program.targets)
        raise ValueError(f"no target is called `{said.target}`" + (f": {hint}" if hint else ""))
    return Pin(*places[0], generation=said.switches or 0)


def _places(program: Program, name: str) -> tuple[Place, ...]:
    target = program.targets.get(name)
    return tuple((name, provider.name) for provider in target.providers) if target is not None else ()


def failures(expect: Expect, decision: Decision) -> Iterator[str]:
    """What is otherwise than expected."""
    pinned = decision.candidates[:1] != () and decision.candidates[0].why == PINNED
    if expect.pinned is not None and pinned is not expect.pinned:
        why = f" ({decision.unpinned})" if decision.unpinned else ""
        yield "it goes where it is pinned" if pinned else f"it does not go where it is pinned{why}"
    done = decision.reaction.kind if decision.reaction is not None else "none"
    if expect.reaction is not None and done != expect.reaction:
        yield f"reaction is {done}, not {expect.reaction}"
    react = list(decision.watch.react)
    if expect.react is not None and react != expect.react:
        yield f"react is {react}, not {expect.react}"
    if expect.session is not None:
        for name, wanted in expect.session.model_dump(exclude_none=True).items():
            if (found := getattr(decision.session, name)) != wanted:
                key = "return" if name == "back" else name
                yield f"session.{key} is {found}, not {wanted}"
