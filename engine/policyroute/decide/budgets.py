"""The budgets of a policy set: whose share a request takes of each, and whether that is used up.

Rule of this module: it fails closed. A request whose share cannot be told is refused, as one whose share is used up is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from policyroute.absent import ABSENT, Absent
from policyroute.cel.expression import EvaluationError, Expression
from policyroute.decide import denial
from policyroute.decide.decision import Decision, Denial, RuleError
from policyroute.decide.facts import Facts
from policyroute.ledger import Claim, Standing, Standings
from policyroute.policy.actions import Budget
from policyroute.policy.model import Rule

EXCEEDED: Final = "budget_exceeded"
_STATUS: Final = 402
"""SDKs ask again after 429, and nothing is better for it until the window is over."""


class Budgets:
    """Those that rules define. Those of rules that are not enforced can be read, and nothing is spent in them."""

    __slots__ = ("_budgets", "unspent")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._budgets = [(rule.id, rule.budget) for rule in rules if rule.budget is not None]
        self.unspent = Standings({each.name: Standing(0.0, each.limit_usd) for _, each in self._budgets})

    def __bool__(self) -> bool:
        return bool(self._budgets)

    def claims(self, facts: Facts, now: float) -> dict[str, Claim | EvaluationError]:
        """The request's part in every budget, by name, whether or not its rule will apply."""
        return {budget.name: _claim(rule, budget, facts, now) for rule, budget in self._budgets}


def denied(applying: Sequence[tuple[str, Budget]], facts: Facts, errors: list[RuleError]) -> Denial | None:
    """Where one of the budgets that apply is used up, or nobody can say whose share it is."""
    for rule, budget in applying:
        try:
            standing: Standing = getattr(facts.budgets, budget.name)
        except EvaluationError as error:
            refused = "refused" if budget.denies else "skipped"
            errors.append(RuleError(rule, "budget.per", error.reason, error.span, refused))
            if budget.denies:
                return denial.unclear(rule)
            continue
        if budget.denies and standing.used_ratio >= 1:
            return exceeded(rule, budget.name, standing)
    return None


def exceeded(rule: str, budget: str, standing: Standing) -> Denial:
    """What a client is told of a budget that is used up: of its own share only."""
    when = f"{datetime.fromtimestamp(standing.resets, UTC):%Y-%m-%d %H:%M:%S} UTC" if standing.resets else "its end"
    message = f"The budget {budget} (${standing.limit_usd:g}) is used up until {when}"
    return Denial(_STATUS, EXCEEDED, message, rule)


def expected_usd(decision: Decision) -> float:
    """What the call is expected to cost, at its first candidate; nothing where that has no price."""
    if decision.grounds is None or not decision.candidates:
        return 0.0
    first = decision.candidates[0]
    endpoint = decision.grounds.endpoints.at(first.target, first.provider.name)
    facts = decision.grounds.facts
    cost = facts.at(endpoint, facts.state).target.est_cost_usd if endpoint is not None else ABSENT
    return 0.0 if isinstance(cost, Absent) else cost


def _claim(rule: str, budget: Budget, facts: Facts, now: float) -> Claim | EvaluationError:
    try:
        key = _text(budget.per, facts) if budget.per is not None else ""
    except EvaluationError as error:
        return error
    begins, resets = budget.window.of(now)
    return Claim(budget.name, rule, key, budget.limit_usd, budget.warn, budget.denies, begins, resets)


def _text(per: Expression, facts: Facts) -> str:
    value = per.evaluate(facts)
    if not isinstance(value, str):
        raise EvaluationError("the key is not a text", per.source.span(0, len(per.source.text)))
    return value
