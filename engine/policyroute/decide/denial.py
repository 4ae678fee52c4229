"""Why a request is not served at all.

Rule of this module: the message goes to the client. It names rules and codes, never expressions, targets or keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from policyroute.cel.expression import EvaluationError
from policyroute.decide.decision import Denial, Excluded
from policyroute.decide.endpoints import AUTO
from policyroute.dialects.trouble import NO_MODEL_MEETS_FLOOR
from policyroute.divergence import Evidence
from policyroute.policy.model import Rule

_MODEL_SHOWN: Final = 100

_OBSTACLES: Final[Mapping[str, str]] = {
    "not_granted": "what the client was granted",
    "dialect": "the wire format",
    "missing_secret": "a provider without its key",
    "supports": "a capability the request needs",
    "unsupported": "what cannot be said to the model",
    "context_window": "the context window",
}


def by_rule(rule: Rule, error: EvaluationError | None) -> Denial:
    """The earliest matching `deny`; where its condition could not be evaluated, that is why."""
    if error is not None or rule.deny is None:
        return unclear(rule.id)
    return Denial(rule.deny.status, rule.deny.code, rule.deny.message, rule.id)


def unclear(rule: str) -> Denial:
    """What the rule guards is refused, for nobody can say whether it may be."""
    return Denial(
        500, "policy_error", f"A policy rule ({rule}) could not be evaluated, and what it guards is refused", rule
    )


def unserved(model: str, route_rule: str) -> Denial:
    """The route came to nobody: all it has is the client's wish, and nothing serves that."""
    if model == AUTO:
        message = "The model `auto` leaves the choice to the policy, which names none for this request"
    else:
        shown = model if len(model) <= _MODEL_SHOWN else model[:_MODEL_SHOWN] + "..."
        message = f"The model `{shown}` does not exist here"
    return Denial(404, "model_not_found", message, None if route_rule == "default" else route_rule)


def nobody(out: Sequence[Excluded], model: str, floored: Excluded | None, route_rule: str) -> Denial:
    """Nobody is left of those whom the route names."""
    return all_out(out, floored) if out else unserved(model, route_rule)


def of_first(out: Excluded) -> Denial:
    """The first who could be asked cannot be asked for this, and the rules say to end it there."""
    if out.code == "context_window":
        message = "The prompt is longer than the context window of the model that should serve it"
        return Denial(400, "context_length_exceeded", message, None)
    return Denial(400, "unsupported", f"The model that should serve this cannot take it as it is: {out.detail}", None)


def diverged(evidence: Evidence) -> Denial:
    """It goes round in circles, and the rules say to end it there."""
    tool = evidence.tool if len(evidence.tool) <= _MODEL_SHOWN else evidence.tool[:_MODEL_SHOWN] + "..."
    what = f"the tool `{tool}` was called {evidence.count} times to no new end" if tool else "it repeats itself"
    message = (
        f"This conversation goes round in circles: {what}. Do not send it again as it is: leave the repetitions out of"
        " its messages and say what to do instead, or begin a new conversation"
    )
    return Denial(400, "divergence", message, None)


def all_out(excluded: Sequence[Excluded], floored: Excluded | None) -> Denial:
    """Every candidate is out, each for the reason it carries; `floored` for nothing but a quality floor."""
    if floored is not None:
        message = f"No model that could serve this meets {floor_of(floored)}"
        return Denial(403, NO_MODEL_MEETS_FLOOR, message, floored.rule)
    if all(out.code == "context_window" for out in excluded):
        message = "The prompt is longer than the context window of every model that may serve it"
        return Denial(400, "context_length_exceeded", message, None)
    if all(out.code == "not_granted" for out in excluded):
        message = "None of the models that may serve this request is granted to this client"
        return Denial(403, "model_not_granted", message, None)
    if all(out.code == "unsupported" for out in excluded):
        why = "; ".join(dict.fromkeys(f"{out.target}: {out.detail}" for out in excluded))
        message = f"No model that may serve this can take it as it is ({why}): leave that out, or ask for another model"
        return Denial(400, "unsupported", message, None)
    causes = dict.fromkeys(_cause(out) for out in excluded)
    rule = next((out.rule for out in excluded if out.rule), None)
    message = f"No model may serve this request. It is ruled out by {', '.join(causes)}"
    return Denial(403, "no_eligible_target", message, rule)


def floor_of(floored: Excluded) -> str:
    """The floor that it is under, in words."""
    return f"the quality floor of {floored.floor:g} that rule {floored.rule} sets"


def _cause(out: Excluded) -> str:
    return f"rule {out.rule} ({out.code})" if out.rule else _OBSTACLES.get(out.code, out.code)
