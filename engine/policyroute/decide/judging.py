"""What rules with `phase: response` make of an answer.

Rule of this module: a request pays for no rule that cannot match it. What a condition asks of the request alone is
asked with the decision; the whole of it once, when the answer is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from policyroute.cel.compile import RAISED
from policyroute.cel.expression import EvaluationError, Expression
from policyroute.cel.syntax import Ident, Node, children
from policyroute.decide import denial
from policyroute.decide.answers import Awaiting
from policyroute.decide.decision import Denial, RuleError
from policyroute.decide.facts import Facts
from policyroute.decide.hops import changed_headers
from policyroute.decide.matching import errors_of, holds
from policyroute.policy.actions import Headers
from policyroute.policy.model import Mode, Rule
from policyroute.policy.vocabulary import ANSWER_ROOTS
from policyroute.request import Operation

_LATER: Final = ANSWER_ROOTS | {"target"}
_TEXT: Final = "response.text"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules make of an answer. `denied`: it is not given. `headers` are the rules that change those of the
    answer, `fired` all that apply, `shadow` those in shadow mode that would."""

    fired: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    denied: Denial | None = None
    headers: tuple[str, ...] = ()
    set_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    remove_headers: frozenset[str] = frozenset()
    errors: tuple[RuleError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    """`gates` are the parts of its condition that rest on the request alone: all have to hold."""

    rule: Rule
    gates: tuple[Callable[[Facts], Any], ...]
    words: bool


class AnswerRules:
    """The rules of a set that see answers. `compiled` turns a part of a condition into code."""

    def __init__(self, rules: Sequence[Rule], compiled: Callable[[Node], Callable[[Facts], Any]]) -> None:
        self._rules = [
            _Rule(rule, tuple(compiled(node) for node in of_request(rule.when)), _reads_text(rule)) for rule in rules
        ]

    def awaiting(self, facts: Facts) -> Awaiting | None:
        """Those that may match the answer to this request; None where none can. Only conversations are judged."""
        if facts.request.operation is not Operation.CHAT:
            return None
        standing = [each for each in self._rules if not any(_is_false(gate, facts) for gate in each.gates)]
        if not standing:
            return None
        return Awaiting(tuple([each.rule for each in standing]), any(each.words for each in standing))


def judged(awaiting: Awaiting, facts: Facts) -> Verdict:
    """`facts` are those of the request with the answer and who gave it."""
    fired: list[str] = []
    shadow: list[str] = []
    writing: list[tuple[str, Headers]] = []
    errors: list[RuleError] = []
    denied: Denial | None = None
    for rule in awaiting.rules:
        erred: dict[int, EvaluationError] = {}
        matched = rule.when is None or holds(rule.when, facts, 0, erred)
        error = erred.get(0)
        if error is not None:
            errors += errors_of(rule, error)
        if not (matched or (error is not None and rule.fails_closed)):
            continue
        if rule.mode is Mode.SHADOW:
            shadow.append(rule.id)
            continue
        fired.append(rule.id)
        if rule.deny is not None and denied is None:
            denied = denial.by_rule(rule, error)
        if rule.response_headers is not None and matched:
            writing.append((rule.id, rule.response_headers))
    writers, set_, removed = _written(writing, facts, errors)
    return Verdict(tuple(fired), tuple(shadow), denied, writers, set_, removed, tuple(errors))


def _written(
    rules: Sequence[tuple[str, Headers]], facts: Facts, errors: list[RuleError]
) -> tuple[tuple[str, ...], dict[str, str], frozenset[str]]:
    """Who changes headers, and what is set and removed."""
    writers: list[str] = []
    set_: dict[str, str] = {}
    removed: set[str] = set()
    for each in rules:
        values, gone = changed_headers("response_headers", (each,), facts, errors)
        if values or gone:
            writers.append(each[0])
        set_.update(values)
        removed.update(gone)
    return tuple(writers), set_, frozenset(removed)


def of_request(when: Expression | None) -> Iterator[Node]:
    """The parts of a condition that say nothing of the answer or who gave it."""
    return (part.node for part in (when.parts if when is not None else ()) if not _is_later(part.node))


def _is_later(node: Node) -> bool:
    return (isinstance(node, Ident) and node.name in _LATER) or any(_is_later(part) for part in children(node))


def _is_false(gate: Callable[[Facts], Any], facts: Facts) -> bool:
    """A part that is false makes its condition false, whatever the others are. One that errs does not."""
    try:
        return gate(facts) is False
    except RAISED:
        return False


def _reads_text(rule: Rule) -> bool:
    headers = rule.response_headers
    values = [value.expression for value in headers.set.values()] if headers is not None else []
    where = headers.where if headers is not None else None
    return any(each is not None and _TEXT in each.reads for each in (rule.when, where, *values))
