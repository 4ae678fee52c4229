"""Which rules match: the linear way, one condition after the other.

Rule of this module: it is the meaning. The index must give what `scan` gives, and the tests hold it to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from policyroute.cel.expression import EvaluationError, Expression
from policyroute.decide.decision import RuleError
from policyroute.decide.facts import Facts
from policyroute.policy.effects import CLOSED, OPEN
from policyroute.policy.model import Mode, Rule


class Match(NamedTuple):
    """`matched` is a bitmap over the rules; `erred` says of which conditions could not be evaluated, by position."""

    matched: int
    erred: dict[int, EvaluationError]


def scan(rules: Sequence[Rule], facts: Facts) -> Match:
    """Evaluate every `when`. A rule without one always matches."""
    matched = 0
    erred: dict[int, EvaluationError] = {}
    for position, rule in enumerate(rules):
        if rule.when is None or holds(rule.when, facts, position, erred):
            matched |= 1 << position
    return Match(matched, erred)


def holds(when: Expression, facts: Facts, position: int, erred: dict[int, EvaluationError]) -> bool:
    """Whether the condition is true; an error is noted in `erred`."""
    try:
        value = when.evaluate(facts)
    except EvaluationError as error:
        erred[position] = error
        return False
    if value is True:
        return True
    if value is not False:
        erred[position] = EvaluationError("condition is not true or false", when.source.span(0, len(when.source.text)))
    return False


def all_errors_of(rules: Sequence[Rule], erred: Mapping[int, EvaluationError]) -> list[RuleError]:
    """What rules whose conditions erred do all the same, and what they do not, by their effects."""
    return [each for at, error in sorted(erred.items()) for each in errors_of(rules[at], error)] if erred else []


def errors_of(rule: Rule, error: EvaluationError) -> list[RuleError]:
    """What one of them does, and does not."""
    shadow = rule.mode is Mode.SHADOW
    return [
        RuleError(rule.id, effect, error.reason, error.span, "none" if shadow else consequence)
        for effects, consequence in ((CLOSED, "applied"), (OPEN, "skipped"))
        for effect in effects
        if getattr(rule, effect) is not None
    ]
