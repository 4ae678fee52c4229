"""What a rule demands of every candidate: `require` and `quality_floor`.

Rule of this module: fail closed. What cannot be evaluated or is not known refuses the candidate.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from policyroute.absent import Absent
from policyroute.cel.expression import EvaluationError, Expression
from policyroute.decide.endpoints import Endpoint
from policyroute.decide.facts import Facts
from policyroute.problems import Span

_CHANGING: Final = frozenset({"est_cost_usd", "latency", "in_flight", "learnt_window", "cache_warm"})
"""The fields of a target that are not the same for every request."""


class Breach(NamedTuple):
    """A demand that is not met: which (`require`, `quality_floor`) and in words; with the place, where it erred."""

    code: str
    detail: str
    erred: tuple[str, Span | None] | None = None


class Constraint:
    """One rule's demand. An answer that can only depend on the endpoint is found once and kept."""

    __slots__ = ("_kept", "_steady", "floor", "require", "rule")

    def __init__(self, rule: str, require: Expression | None, floor: float | None) -> None:
        self.rule = rule
        self.require = require
        self.floor = floor
        self._steady = require is None or rests_on_policy(require)
        self._kept: dict[Endpoint, Breach | None] = {}

    def breach(self, endpoint: Endpoint, facts: Facts) -> Breach | None:
        """Why the endpoint is out, or None. The facts are turned to it, if they have to be asked."""
        if not self._steady:
            return self._asked(endpoint, facts)
        try:
            return self._kept[endpoint]
        except KeyError:
            kept = self._kept[endpoint] = self._asked(endpoint, facts)
            return kept

    def _asked(self, endpoint: Endpoint, facts: Facts) -> Breach | None:
        if self.require is not None:
            facts.turn_to(endpoint)
            try:
                held = self.require.evaluate(facts)
            except EvaluationError as error:
                detail = f"`require` of rule {self.rule} could not be evaluated: {error.reason}"
                return Breach("require", detail, (error.reason, error.span))
            if held is not True:
                return Breach("require", f"`require` of rule {self.rule} does not hold")
        return self._under_floor(endpoint.spec.quality)

    def _under_floor(self, quality: float | Absent) -> Breach | None:
        if self.floor is None:
            return None
        if isinstance(quality, Absent):
            return Breach(
                "quality_floor", f"its quality is not known, and rule {self.rule} sets a floor of {self.floor}"
            )
        if quality < self.floor:
            return Breach("quality_floor", f"quality {quality} is under rule {self.rule}'s floor of {self.floor}")
        return None


def rests_on_policy(require: Expression) -> bool:
    """Whether it reads nothing but what the policy says of a target, which is the same for every request."""
    return all(map(_declared, require.reads))


def _declared(read: str) -> bool:
    root, _, rest = read.partition(".")
    return root == "target" and rest != "" and rest.partition(".")[0] not in _CHANGING
