"""Why a request was decided as it was: every rule, every part of its condition, every candidate.

For the eyes of a policy's author (`policyroute explain`): slow, exact, and it shows what a condition compared, header
and metadata values included; prompt text never. Rule of this module: it decides nothing. It asks `PolicySet.decide` and
then looks at the same facts again, with the exact interpreter.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from policyroute.absent import Absent
from policyroute.cel.conjuncts import atom_of
from policyroute.cel.expression import EvaluationError, Expression
from policyroute.cel.interpret import evaluate
from policyroute.cel.syntax import Node
from policyroute.cel.types import Cost
from policyroute.decide.answers import Answer
from policyroute.decide.constraints import levels
from policyroute.decide.decision import Decision, Excluded, Grounds, Hop
from policyroute.decide.facts import Facts, Labels
from policyroute.decide.judging import Verdict, of_request
from policyroute.decide.policy_set import PolicySet
from policyroute.decide.state import RoutingState
from policyroute.policy.model import Mode, Rule
from policyroute.policy.vocabulary import FLAT
from policyroute.request import Client, ModelRequest
from policyroute.sessions import Session


@dataclass(frozen=True, slots=True)
class PartTrace:
    """One `&&` part of a condition: its text, `true`, `false`, `open` or `error` with the reason, and the value it
    compared."""

    text: str
    at: str
    result: str
    reason: str | None = None
    value: Any = None


Demands = tuple[tuple[str, PartTrace], ...]
"""Each part of each constraint, with its rule."""


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """`result` is `matched`, `not matched`, `error` or `off`; `open` where it depends on an answer that is not given.
    `applied` says whether it had a part in the decision."""

    id: str
    at: str
    mode: str
    phase: str
    result: str
    applied: bool
    parts: tuple[PartTrace, ...]


@dataclass(frozen=True, slots=True)
class CandidateTrace:
    """`place` counts from 1; None for a candidate that is out. `constraints` are the parts of every rule's demand.
    `redactions` (of what it is sent), `censors` (of what it answers) and `scrubs` are the rules that apply to it."""

    target: str
    provider: str
    place: int | None
    why: str
    constraints: Demands
    redactions: tuple[str, ...] = ()
    censors: tuple[str, ...] = ()
    scrubs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """`unnamed` are the targets that the route does not name; `verdict` is that on the answer, where one is given."""

    decision: Decision
    verdict: Verdict
    rules: tuple[RuleTrace, ...]
    candidates: tuple[CandidateTrace, ...]
    unnamed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "decision": self.decision.as_json(),
            "answer": {
                "denied": self.verdict.denied.as_json() if self.verdict.denied else None,
                "fired": list(self.verdict.fired),
                "shadow": list(self.verdict.shadow),
                "response_headers": list(self.verdict.headers),
                "errors": [error.as_json() for error in self.verdict.errors],
            },
            "rules": [asdict(rule) for rule in self.rules],
            "candidates": [
                {
                    "target": each.target,
                    "provider": each.provider,
                    "place": each.place,
                    "why": each.why,
                    "constraints": [{"rule": rule, **asdict(part)} for rule, part in each.constraints],
                    "redactions": list(each.redactions),
                    "censors": list(each.censors),
                    "scrubs": list(each.scrubs),
                }
                for each in self.candidates
            ],
            "unnamed": list(self.unnamed),
        }


def trace(  # noqa: PLR0913 - everything that a decision and a verdict rest on
    policy_set: PolicySet,
    request: ModelRequest,
    state: RoutingState,
    now: float,
    client: Client | None = None,
    *,
    answer: Answer | None = None,
    session: Session | None = None,
    session_labels: Labels = (),
) -> Trace:
    """Decide the request, and say of everything that could have had a part in it what came out. `answer` is taken for
    the first candidate's."""
    decision = policy_set.decide(
        request, state, now, client=client or Client(), session=session, session_labels=session_labels
    )
    if decision.grounds is None:
        raise ValueError("a trace needs a decision of this policy set's own")
    grounds = decision.grounds

    def demands(target: str, provider: str) -> Demands:
        return _demands(policy_set, grounds, target, provider)

    tried = [
        _tried(policy_set.hop(decision, candidate, state), place, demands(candidate.target, candidate.provider.name))
        for place, candidate in enumerate(decision.candidates, 1)
    ]
    out = [_out(excluded, demands(excluded.target, excluded.provider)) for excluded in decision.excluded]
    named = {candidate.target for candidate in (*tried, *out)}
    judged, answered = _judged(policy_set, decision, grounds, answer)
    return Trace(
        decision,
        judged,
        tuple(
            _rule_of_answers(rule, judged, grounds.facts, answered)
            if rule.of_answers
            else _rule(rule, rule.id in decision.fired, grounds.facts)
            for rule in policy_set.program.rules
        ),
        (*tried, *out),
        tuple(name for name in policy_set.program.targets if name not in named),
    )


def _judged(
    policy_set: PolicySet, decision: Decision, grounds: Grounds, answer: Answer | None
) -> tuple[Verdict, Facts | None]:
    """The verdict on the first candidate's answer, and the facts it rests on; None where there is no such answer."""
    if answer is None or not decision.candidates:
        return Verdict(), None
    first, state = decision.candidates[0], grounds.facts.state
    endpoint = policy_set.endpoints.at(first.target, first.provider.name)
    if endpoint is None:
        raise ValueError(f"the policy set has no target {first.target} at {first.provider.name}")
    return policy_set.judge(decision, first, state, answer), grounds.facts.at(endpoint, state).answered(answer)


def _rule(rule: Rule, applied: bool, facts: Facts) -> RuleTrace:
    if rule.mode is Mode.OFF:
        return _traced(rule, "off", False, ())
    if rule.when is None:
        return _traced(rule, "matched", applied, ())
    whole = _part(rule.when, rule.when.tree, facts)
    result = {"true": "matched", "false": "not matched"}.get(whole.result, "error")
    return _traced(rule, result, applied, _parts(rule.when, facts))


def _rule_of_answers(rule: Rule, verdict: Verdict, facts: Facts, answered: Facts | None) -> RuleTrace:
    """Without an answer only what the condition asks of the request can be said."""
    if answered is not None:
        return _rule(rule, rule.id in verdict.fired, answered)
    if rule.mode is Mode.OFF or rule.when is None:
        return _traced(rule, "off" if rule.mode is Mode.OFF else "open", False, ())
    now = [id(node) for node in of_request(rule.when)]
    parts = [
        _part(rule.when, part.node, facts)
        if id(part.node) in now
        else PartTrace(_text(rule.when, part.node), _at(rule.when, part.node), "open")
        for part in rule.when.parts
    ]
    out = any(part.result == "false" for part in parts)
    return _traced(rule, "not matched" if out else "open", False, tuple(parts))


def _traced(rule: Rule, result: str, applied: bool, parts: tuple[PartTrace, ...]) -> RuleTrace:
    phase = "response" if rule.of_answers or rule.censors else "request"
    return RuleTrace(rule.id, str(rule.span), rule.mode, phase, result, applied, parts)


def _parts(expression: Expression, facts: Facts) -> tuple[PartTrace, ...]:
    return tuple(_part(expression, part.node, facts) for part in expression.parts)


def _part(expression: Expression, node: Node, facts: Facts) -> PartTrace:
    text, at = _text(expression, node), _at(expression, node)
    try:
        answer = evaluate(node, facts, FLAT)
    except EvaluationError as error:
        return PartTrace(text, at, "error", error.reason)
    value = _compared(node, facts)
    if isinstance(answer, bool):
        return PartTrace(text, at, "true" if answer else "false", None, value)
    return PartTrace(text, at, "error", "not true or false", value)


def _text(expression: Expression, node: Node) -> str:
    return expression.source.text[node.start : node.end]


def _at(expression: Expression, node: Node) -> str:
    return str(expression.source.span(node.start, node.end))


def _compared(node: Node, facts: Facts) -> Any:
    """What an atom looked at, as JSON; None for what is no atom, and for prompt text."""
    atom = atom_of(node)
    if atom is None or atom.dimension.many:
        return None
    try:
        value = evaluate(atom.dimension.node, facts, FLAT)
    except EvaluationError:
        return None
    if isinstance(value, str) and atom.dimension.cost is Cost.TEXT:
        return None
    return value if type(value) in (bool, int, float, str) else str(value)


def _tried(hop: Hop, place: int, demands: Demands) -> CandidateTrace:
    applying = [tuple(rule for rule, _ in effects) for effects in (hop.redactions, hop.censors, hop.scrubs)]
    candidate = hop.candidate
    return CandidateTrace(candidate.target, candidate.provider.name, place, candidate.why, demands, *applying)


def _out(excluded: Excluded, demands: Demands) -> CandidateTrace:
    return CandidateTrace(excluded.target, excluded.provider, None, excluded.detail, demands)


def _demands(policy_set: PolicySet, grounds: Grounds, target: str, provider: str) -> Demands:
    """Every constraint over this candidate, also those behind the one that put it out."""
    endpoint = policy_set.endpoints.at(target, provider)
    if endpoint is None:
        raise ValueError(f"the policy set has no target {target} at {provider}")
    facts = grounds.facts.at(endpoint, grounds.facts.state)
    found: list[tuple[str, PartTrace]] = []
    for constraint in grounds.constraints:
        rule, require, floor = constraint.rule, constraint.require, constraint.floor
        if require is not None:
            found += [(rule, part) for part in _parts(require, facts)]
        if floor is not None:
            least, quality, _ = levels(floor.least, endpoint.spec.quality, facts)
            known = None if isinstance(quality, Absent) else quality
            held = "false" if constraint.under_floor(endpoint, facts) else "true"
            found.append((rule, PartTrace(f"target.quality >= {least}", "", held, None, known)))
    return tuple(found)
