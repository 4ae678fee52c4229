"""Whether a candidate may serve a request: what the client was granted, the rules' constraints, then the hard facts.

Rule of this module: the first reason is the one that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Final

from policyroute.adapt import asked_for, fit, room
from policyroute.catalogue import BY_DIALECT
from policyroute.decide.constraints import Breach, Constraint, first_breach
from policyroute.decide.decision import Candidate, Excluded, Grounds, RuleError
from policyroute.decide.endpoints import NEEDED, Endpoint
from policyroute.decide.facts import Facts
from policyroute.decide.resolved import ResolvedFallback
from policyroute.decide.state import RoutingState
from policyroute.decide.steering import drained
from policyroute.dialects import DIALECTS
from policyroute.request import ModelRequest, Operation


def excluded(  # noqa: PLR0913, PLR0917 - one name for each thing that may rule a candidate out
    endpoint: Endpoint,
    facts: Facts,
    state: RoutingState,
    constraints: Sequence[Constraint],
    errors: list[RuleError],
    fallback: ResolvedFallback,
    *,
    decided: bool = False,
) -> Excluded | None:
    """Why the endpoint is out, or None. Turns the facts to it, if a constraint asks; erring ones go to `errors`.
    `decided`: it is a candidate already, and only what may have changed since is looked at."""
    if decided and state.overrides and (out := drained(state.overrides, endpoint.spec.name, endpoint.provider.name)):
        return out
    if facts.granted is not None and endpoint.spec.name not in facts.granted:
        detail = "it is not granted to the client"
        return Excluded(endpoint.spec.name, endpoint.provider.name, "not_granted", None, detail)
    if constraints and (unmet := first_breach(constraints, endpoint, facts)):
        constraint, breach = unmet
        if breach.erred:
            errors.append(RuleError(constraint.rule, breach.code, *breach.erred, "refused"))
        return breached(endpoint, constraint.rule, breach)
    if found := _obstacle(endpoint, facts.request, state, fallback, decided=decided):
        return Excluded(endpoint.spec.name, endpoint.provider.name, found[0], None, found[1])
    return None


def breached(endpoint: Endpoint, rule: str, breach: Breach) -> Excluded:
    """The endpoint, which does not meet what that rule demands."""
    where = endpoint.spec.name, endpoint.provider.name
    return Excluded(*where, breach.code, rule, breach.detail, breach.floor)


def floored(out: Sequence[Excluded], grounds: Grounds | None, fallback: ResolvedFallback) -> Excluded | None:
    """The first of those that are out which nothing but quality floors keeps from serving, if there is any."""
    if grounds is None:
        return None
    facts, constraints, endpoints = grounds
    others = [Constraint(each.rule, each.require, None, by_task=True) for each in constraints if each.require]
    for each in out:
        endpoint = endpoints.at(each.target, each.provider) if each.floor is not None else None
        if endpoint is not None:
            turned = facts.at(endpoint, facts.state)
            if excluded(endpoint, turned, facts.state, others, [], fallback) is None:
                return each
    return None


Parted = tuple[tuple[Candidate, ...], list[Excluded]]
"""Those that stay, and those that are out."""


def comparable(candidates: Sequence[Candidate]) -> Parted:
    """For embeddings: those that ask for the first one's model, and the others. Vectors of two models have nothing to
    do with each other, so that an answer from another model would be worse than none."""
    detail = "it has another model than the first candidate: their vectors cannot be compared"
    return _parted(candidates, lambda each: each.model, "other_model", detail)


def of_one_account(candidates: Sequence[Candidate], kept: str) -> Parted:
    """For a request that refers to what an account keeps: those at the first one's provider, and the others, which know
    nothing of it. `kept` is where it does."""
    first = candidates[0].provider.name if candidates else ""
    detail = f"`{kept}` refers to what one account keeps: no other is asked than the first candidate's, {first}"
    if kept == "previous_response_id":
        detail += _NOT_KNOWN
    return _parted(candidates, lambda each: each.provider.name, "other_account", detail)


_NOT_KNOWN: Final = (
    ", for what was said before is not known here: it is for a day after an answer to the same tenant, unless the "
    "client said `store: false`, and beyond a restart where there is a `state_dir`"
)


def _parted(candidates: Sequence[Candidate], of: Callable[[Candidate], str], code: str, detail: str) -> Parted:
    """Those that are like the first, and the others with why they are out."""
    alike = tuple(each for each in candidates if of(each) == of(candidates[0]))
    others = [each for each in candidates if of(each) != of(candidates[0])]
    return alike, [Excluded(each.target, each.provider.name, code, None, detail) for each in others]


def _obstacle(
    endpoint: Endpoint, request: ModelRequest, state: RoutingState, fallback: ResolvedFallback, *, decided: bool
) -> tuple[str, str] | None:
    foreign = endpoint.dialect != request.dialect
    chat = request.operation is Operation.CHAT
    if foreign and (not chat or request.kept):
        why = f"`{request.kept}` refers to what an account keeps" if chat else "only conversations are translated"
        return "dialect", f"it speaks {endpoint.dialect}, the client {request.dialect}, and {why}"
    if state.missing_secrets and endpoint.provider.name in state.missing_secrets:
        return "missing_secret", f"the key of provider {endpoint.provider.name} could not be read"
    lacking = _lacking(endpoint, request)
    if lacking is not None:
        return "supports", f"the request needs {lacking}, which the target does not support"
    minds = fallback.on_unsupported != "adapt"
    wordless = foreign and chat and request.wordless
    if (
        (minds or wordless)
        and chat
        and not decided
        and (lost := _why_less(endpoint, request, minds=minds, wordless=wordless))
    ):
        return "unsupported", lost
    return _too_long(endpoint, request, state) if chat and not fallback.trims else None


def _too_long(endpoint: Endpoint, request: ModelRequest, state: RoutingState) -> tuple[str, str] | None:
    """A token is at least a byte of the body: where the bytes fit, nobody has to count tokens. A prompt that is only to
    be counted may be too long, and of a batch to be embedded the window holds for each part."""
    counted = state.counts.at((endpoint.spec.name, endpoint.provider.name))
    window = endpoint.window if counted.window is None else min(endpoint.window, counted.window)
    if request.size <= window:
        return None
    tokens = ceil(request.input_tokens * counted.ratio)
    if tokens <= window:
        return None
    learnt = "" if window == endpoint.window else ", as it turned out"
    return "context_window", f"the prompt is about {tokens} tokens, the context window {window}{learnt}"


def _why_less(endpoint: Endpoint, request: ModelRequest, *, minds: bool, wordless: bool) -> str:
    """Why the client would get less than it asks for, if the rules mind that, or nothing at all. Rules may yet change
    what is asked: it is judged by what it was."""
    traits = endpoint.spec.traits[endpoint.provider.name]
    if endpoint.dialect == request.dialect and traits is BY_DIALECT[endpoint.dialect]:
        return ""
    dialect = DIALECTS[endpoint.dialect]
    fitted = fit(
        request.prompt,
        dialect,
        endpoint.spec.model,
        traits,
        room(request, endpoint.spec),
        stream=request.stream,
        interactive=False,
    )
    lost = asked_for(fitted.changes)
    if wordless and dialect.asks_nothing(fitted.data or {}):
        return f"nothing of what is asked can be said to it ({', '.join(lost) or 'there are no words in it'})"
    return f"it cannot be given {', '.join(lost)}" if minds and lost else ""


def _lacking(endpoint: Endpoint, request: ModelRequest) -> str | None:
    """The first capability the request needs and the target has not."""
    if request.operation not in endpoint.serves:
        return NEEDED[request.operation]
    return next((name for name in endpoint.lacks if _NEEDS[name](request)), None)


_NEEDS: Final[Mapping[str, Callable[[ModelRequest], bool]]] = {
    "tools": lambda request: bool(request.tools),
    "images": lambda request: any(message.has_image for message in request.messages),
    "files": lambda request: "file" in request.modalities,
    "audio": lambda request: "audio" in request.modalities,
    "video": lambda request: "video" in request.modalities,
    "streaming": lambda request: request.stream,
}
"""Whether a request needs one of `endpoints.DECIDING`."""
