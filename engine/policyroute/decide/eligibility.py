"""Whether a candidate may serve a request: what the client was granted, the rules' constraints, then the hard facts.

Rule of this module: the first reason is the one that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from policyroute.absent import Absent
from policyroute.decide.constraints import Constraint
from policyroute.decide.decision import Candidate, Excluded, RuleError
from policyroute.decide.endpoints import NEEDED, Endpoint
from policyroute.decide.facts import Facts
from policyroute.decide.state import RoutingState
from policyroute.request import ModelRequest, Operation


def excluded(
    endpoint: Endpoint,
    facts: Facts,
    state: RoutingState,
    constraints: Sequence[Constraint],
    errors: list[RuleError],
) -> Excluded | None:
    """Why the endpoint is out, or None. Turns the facts to it, if a constraint asks; erring ones go to `errors`."""
    if facts.granted is not None and endpoint.spec.name not in facts.granted:
        detail = "it is not granted to the client"
        return Excluded(endpoint.spec.name, endpoint.provider.name, "not_granted", None, detail)
    for constraint in constraints:
        if breach := constraint.breach(endpoint, facts):
            rule, (code, detail, erred) = constraint.rule, breach
            if erred:
                errors.append(RuleError(rule, code, *erred, "refused"))
            return Excluded(endpoint.spec.name, endpoint.provider.name, code, rule, detail)
    if found := _obstacle(endpoint, facts.request, state):
        return Excluded(endpoint.spec.name, endpoint.provider.name, found[0], None, found[1])
    return None


def comparable(candidates: Sequence[Candidate]) -> tuple[tuple[Candidate, ...], list[Excluded]]:
    """For embeddings: those that ask for the first one's model, and the others. Vectors of two models have nothing to
    do with each other, so that an answer from another model would be worse than none."""
    alike = tuple(candidate for candidate in candidates if candidate.model == candidates[0].model)
    others = [candidate for candidate in candidates if candidate.model != candidates[0].model]
    detail = "it has another model than the first candidate: their vectors cannot be compared"
    return alike, [Excluded(each.target, each.provider.name, "other_model", None, detail) for each in others]


def of_one_account(candidates: Sequence[Candidate], kept: str) -> tuple[tuple[Candidate, ...], list[Excluded]]:
    """For a request that refers to what an account keeps: those at the first one's provider, and the others, which know
    nothing of it. `kept` is where it does."""
    first = candidates[0].provider.name if candidates else ""
    alike = tuple(candidate for candidate in candidates if candidate.provider.name == first)
    others = [candidate for candidate in candidates if candidate.provider.name != first]
    detail = f"`{kept}` refers to what one account keeps: no other is asked than the first candidate's, {first}"
    return alike, [Excluded(each.target, each.provider.name, "other_account", None, detail) for each in others]


def _obstacle(endpoint: Endpoint, request: ModelRequest, state: RoutingState) -> tuple[str, str] | None:
    if endpoint.dialect != request.dialect:
        return "dialect", f"it speaks {endpoint.dialect}, the client {request.dialect}"
    if state.missing_secrets and endpoint.provider.name in state.missing_secrets:
        return "missing_secret", f"the key of provider {endpoint.provider.name} could not be read"
    lacking = _lacking(endpoint, request)
    if lacking is not None:
        return "supports", f"the request needs {lacking}, which the target does not support"
    window = endpoint.window
    # A token is at least a byte of the body: where the bytes fit, nobody has to count tokens. A prompt that is only to
    # be counted may be too long, and of a batch to be embedded the window holds for each part.
    if request.size > window and request.operation is Operation.CHAT and request.input_tokens > window:
        return "context_window", f"the prompt is about {request.input_tokens} tokens, the context window {window}"
    return None


def _lacking(endpoint: Endpoint, request: ModelRequest) -> str | None:
    """The first capability the request needs and the target has not."""
    if request.operation not in endpoint.serves:
        return NEEDED[request.operation]
    return next((name for name in endpoint.lacks if name in _NEEDS and _NEEDS[name](request)), None)


def _asks_for(form: str) -> Callable[[ModelRequest], bool]:
    def asks(request: ModelRequest) -> bool:
        wanted = request.response_format
        return not isinstance(wanted, Absent) and wanted.type == form

    return asks


_NEEDS: Final[Mapping[str, Callable[[ModelRequest], bool]]] = {
    "tools": lambda request: bool(request.tools),
    "json_object": _asks_for("json_object"),
    "json_schema": _asks_for("json_schema"),
    "images": lambda request: any(message.has_image for message in request.messages),
    "files": lambda request: "file" in request.modalities,
    "audio": lambda request: "audio" in request.modalities,
    "video": lambda request: "video" in request.modalities,
    "streaming": lambda request: request.stream,
}
"""Whether a request needs a capability (`policy.vocabulary.CAPABILITIES`). What is not here does not decide: a
payload is adapted to it."""
