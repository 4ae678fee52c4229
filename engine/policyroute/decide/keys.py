"""Which conversation a request belongs to, as the rules with `session.key` say.

Rule of this module: these few are asked one by one, before anything is known of the conversation.
"""

from __future__ import annotations

from collections.abc import Iterable

from policyroute.cel.expression import EvaluationError, Expression
from policyroute.decide.decision import RuleError
from policyroute.decide.facts import Facts
from policyroute.decide.matching import holds
from policyroute.policy.actions import Conversing
from policyroute.policy.model import Mode, Rule
from policyroute.request.ingest import named


class Keys:
    """The keys of a policy set, in order; the default's comes last."""

    __slots__ = ("_keys",)

    def __init__(self, rules: Iterable[Rule], default: Conversing | None) -> None:
        enforced = [(rule.id, rule.when, rule.session) for rule in rules if rule.mode is Mode.ENFORCE]
        found = [*enforced, ("default", None, default)]
        self._keys = [(rule, when, said.key) for rule, when, said in found if said is not None and said.key is not None]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def of(self, facts: Facts, errors: list[RuleError]) -> str:
        """What the first that matches gives; empty where none does. One that errs is passed over: where it is its key,
        `errors` say so; where it is its condition, the decision's errors will."""
        for rule, when, key in self._keys:
            if when is None or holds(when, facts, 0, {}):
                try:
                    return named(_text(key, facts))
                except EvaluationError as error:
                    errors.append(RuleError(rule, "session.key", error.reason, error.span, "skipped"))
        return ""


def _text(key: Expression, facts: Facts) -> str:
    value = key.evaluate(facts)
    if not isinstance(value, str):
        raise EvaluationError("the key is not a text", key.source.span(0, len(key.source.text)))
    return value
