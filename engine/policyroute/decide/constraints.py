"""What a rule demands of every candidate: `require` and `quality_floor`.

Rule of this module: fail closed. What cannot be evaluated or is not known refuses the candidate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from policyroute.absent import Absent
from policyroute.cel.expression import EvaluationError, Expression
from policyroute.decide.endpoints import Endpoint
from policyroute.decide.facts import Facts
from policyroute.health.quality import Quality
from policyroute.policy.model import Target
from policyroute.policy.qualities import ByTask, Floor
from policyroute.problems import Span

_CHANGING: Final = frozenset(
    {"est_cost_usd", "latency", "health", "in_flight", "learnt_window", "cache_warm", *Quality._fields}
)
"""The fields of a target that are not the same for every request."""


class Breach(NamedTuple):
    """A demand that is not met: which (`require`, `quality_floor`) and in words; with the place, where it erred.
    `floor`: the least quality, of one that is not met."""

    code: str
    detail: str
    erred: tuple[str, Span | None] | None = None
    floor: float | None = None


class Constraint:
    """One rule's demand. An answer that can only depend on the endpoint (`steady`) is found once and kept. `by_task`:
    what some target's quality is depends on the request."""

    __slots__ = ("_kept", "floor", "require", "rule", "steady")

    def __init__(self, rule: str, require: Expression | None, floor: Floor | None, *, by_task: bool) -> None:
        self.rule = rule
        self.require = require
        self.floor = floor
        same = floor is None or not (by_task or floor.least.tagged)
        self.steady = same and (require is None or rests_on_policy(require, by_task=by_task))
        self._kept: dict[Endpoint, Breach | None] = {}

    def breach(self, endpoint: Endpoint, facts: Facts) -> Breach | None:
        """Why the endpoint is out, or None. The facts are turned to it, if they have to be asked."""
        if not self.steady:
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
        return self.under_floor(endpoint, facts)

    def under_floor(self, endpoint: Endpoint, facts: Facts) -> Breach | None:
        """Why the endpoint is not good enough for the request, or None."""
        if self.floor is None:
            return None
        least, quality, unsaid = levels(self.floor.least, endpoint.spec.quality, facts)
        if isinstance(least, Absent) or (isinstance(quality, Absent) and self.floor.unknown_may):
            return None
        if isinstance(quality, Absent):
            detail = f"its quality is not known, and rule {self.rule} sets a floor of {least}"
        elif quality < least:
            detail = f"quality {quality} is under rule {self.rule}'s floor of {least}"
        else:
            return None
        return Breach("quality_floor", detail, (unsaid.reason, unsaid.span) if unsaid else None, least)


def first_breach(
    constraints: Iterable[Constraint], endpoint: Endpoint, facts: Facts
) -> tuple[Constraint, Breach] | None:
    """The first of them that the endpoint does not meet, and how."""
    for constraint in constraints:
        if breach := constraint.breach(endpoint, facts):
            return constraint, breach
    return None


def levels(
    floor: ByTask, quality: ByTask, facts: Facts
) -> tuple[float | Absent, float | Absent, EvaluationError | None]:
    """The floor and the quality of a request; the highest and the lowest, and why, where nobody can say what kind of
    task it is."""
    if not (floor.tagged or quality.tagged):
        return floor.otherwise, quality.otherwise, None
    task = facts.task()
    if isinstance(task, EvaluationError):
        return floor.highest, quality.lowest, task
    return floor.of(task), quality.of(task), None


def rests_on_policy(require: Expression, *, by_task: bool) -> bool:
    """Whether it reads nothing but what the policy says of a target, which is the same for every request. `by_task`: of
    some target's quality it is not."""
    changing = _CHANGING | {"quality"} if by_task else _CHANGING
    return all(_declared(read, changing) for read in require.reads)


def goes_by_task(targets: Iterable[Target]) -> bool:
    """Whether the quality of one of them depends on the kind of task."""
    return any(target.quality.tagged for target in targets)


def _declared(read: str, changing: frozenset[str]) -> bool:
    root, _, rest = read.partition(".")
    return root == "target" and rest != "" and rest.partition(".")[0] not in changing
