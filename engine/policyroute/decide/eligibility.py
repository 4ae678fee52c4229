"""Whether a candidate may serve a request: the rules' constraints first, then the hard facts.

Rule of this module: every constraint fails closed. What cannot be evaluated or is not known refuses the candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from policyroute.absent import Absent
from policyroute.cel.expression import EvaluationError
from policyroute.decide.decision import Constraint, Excluded, RuleError
from policyroute.decide.endpoints import Endpoint
from policyroute.decide.facts import Facts
from policyroute.decide.state import RoutingState
from policyroute.decide.target_facts import TargetFacts
from policyroute.request import ModelRequest


def excluded(
    endpoint: Endpoint,
    facts: Facts,
    state: RoutingState,
    constraints: Iterable[Constraint],
    errors: list[RuleError],
) -> Excluded | None:
    """Why the endpoint (described by `facts.target`) is out, or None. Erring constraints are added to `errors`."""
    for constraint in constraints:
        if found := _breach(constraint, facts, errors):
            return Excluded(endpoint.spec.name, endpoint.provider.name, found[0], constraint.rule, found[1])
    if found := _obstacle(endpoint, facts.request, state):
        return Excluded(endpoint.spec.name, endpoint.provider.name, found[0], None, found[1])
    return None


def _breach(constraint: Constraint, facts: Facts, errors: list[RuleError]) -> tuple[str, str] | None:
    rule, require, floor = constraint
    if require is not None:
        try:
            held = require.evaluate(facts)
        except EvaluationError as error:
            errors.append(RuleError(rule, "require", error.reason, error.span, "refused"))
            return "require", f"`require` of rule {rule} could not be evaluated: {error.reason}"
        if held is not True:
            return "require", f"`require` of rule {rule} does not hold"
    return None if floor is None else _below(floor, rule, facts.target)


def _below(floor: float, rule: str, target: TargetFacts) -> tuple[str, str] | None:
    quality = target.quality
    if isinstance(quality, Absent):
        return "quality_floor", f"its quality is not known, and rule {rule} sets a floor of {floor}"
    return ("quality_floor", f"quality {quality} is under rule {rule}'s floor of {floor}") if quality < floor else None


def _obstacle(endpoint: Endpoint, request: ModelRequest, state: RoutingState) -> tuple[str, str] | None:
    spec, provider = endpoint.spec, endpoint.provider
    if provider.dialect != request.dialect:
        return "dialect", f"it speaks {provider.dialect}, the client {request.dialect}"
    if provider.name in state.missing_secrets:
        return "missing_secret", f"the key of provider {provider.name} could not be read"
    for capability in endpoint.lacks:
        if _NEEDS[capability](request):
            return "supports", f"the request needs {capability}, which the target does not support"
    window = spec.context_window
    # A token is at least a byte of the body: where the bytes fit, nobody has to count tokens.
    if not isinstance(window, Absent) and request.size > window and request.input_tokens > window:
        return "context_window", f"the prompt is about {request.input_tokens} tokens, the context window {window}"
    return None


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
    "streaming": lambda request: request.stream,
}
"""Whether a request needs a capability (`policy.vocabulary.CAPABILITIES`)."""
