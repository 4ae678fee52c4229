"""Whether a candidate may serve a request: what the client was granted, the rules' constraints, then the hard facts.

Rule of this module: the first reason is the one that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from policyroute.absent import Absent
from policyroute.decide.constraints import Constraint
from policyroute.decide.decision import Excluded, RuleError
from policyroute.decide.endpoints import Endpoint
from policyroute.decide.facts import Facts
from policyroute.decide.state import RoutingState
from policyroute.request import ModelRequest


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


def _obstacle(endpoint: Endpoint, request: ModelRequest, state: RoutingState) -> tuple[str, str] | None:
    if endpoint.dialect != request.dialect:
        return "dialect", f"it speaks {endpoint.dialect}, the client {request.dialect}"
    if state.missing_secrets and endpoint.provider.name in state.missing_secrets:
        return "missing_secret", f"the key of provider {endpoint.provider.name} could not be read"
    for capability in endpoint.lacks:
        if _NEEDS[capability](request):
            return "supports", f"the request needs {capability}, which the target does not support"
    window = endpoint.window
    # A token is at least a byte of the body: where the bytes fit, nobody has to count tokens.
    if request.size > window and request.input_tokens > window:
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
