"""What `check` can prove of a policy without traffic: rules that never match, never win, or cannot have what they name.

Rule of this module: warnings only, and only what is certain. `cel.region` does the proving.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from policyroute.absent import Absent
from policyroute.cel import EvaluationError, Expression
from policyroute.cel.region import ALWAYS, Condition
from policyroute.decide.constraints import rests_on_policy
from policyroute.policy.actions import Route
from policyroute.policy.model import Mode, Program, Rule, Target
from policyroute.policy.qualities import ByTask, Floor
from policyroute.problems import Problem, Severity, Span

StaticFacts = Callable[[Target], tuple[Any, ...]]
"""The facts of a target at each of its providers, as far as they are written in the policy."""


@dataclass(frozen=True, slots=True)
class _Read:
    rule: Rule
    condition: Condition


def unreachable(program: Program, static_facts: StaticFacts) -> tuple[Problem, ...]:
    """Every rule and candidate of which it is certain that it can never take effect."""
    rules = [_read(rule) for rule in program.rules if rule.mode is not Mode.OFF]
    dead = [_never(read.rule) for read in rules if read.condition.never]
    live = [read for read in rules if not read.condition.never]
    # An answer only comes of what no other rule denies, and what denies it takes nothing from those.
    answers = [read for read in live if read.rule.of_answers]
    requests = [read for read in live if not read.rule.of_answers]
    return (*dead, *_overtaken(requests), *_overtaken(answers), *_excluded(program, requests, static_facts))


def _read(rule: Rule) -> _Read:
    return _Read(rule, rule.when.condition if rule.when else ALWAYS)


def _warning(code: str, message: str, span: Span, hint: str) -> Problem:
    return Problem(code, message, span, hint, severity=Severity.WARNING)


def _never(rule: Rule) -> Problem:
    return _warning(
        "rule-never-matches",
        f"rule `{rule.id}` can never match: its conditions contradict each other",
        _when_span(rule),
        "no request satisfies all of them; if the rule is not wanted, `mode: off` says so",
    )


def _overtaken(rules: list[_Read]) -> Iterator[Problem]:
    """Routes and denials of which every match is taken by an earlier rule."""
    earlier = _Takers()
    for read in rules:
        taker = earlier.first_that_takes(read)
        if taker is not None:
            yield _lost(read.rule, taker)
        if read.rule.mode is Mode.ENFORCE and (read.rule.deny or read.rule.route):
            earlier.add(read)


def _lost(rule: Rule, taker: Rule) -> Problem:
    where = f"`{taker.id}` ({taker.span.file}:{taker.span.line})"
    if taker.deny:
        return _warning(
            "rule-denied-before",
            f"rule `{rule.id}` can never take effect: every request it matches is denied by {where}",
            _when_span(rule),
            "narrow the condition of the denial, or take this rule out",
        )
    return _warning(
        "rule-shadowed",
        f"the route of rule `{rule.id}` can never win: every request it matches is routed by {where}",
        _when_span(rule),
        "the first matching rule routes: move this one before it, or narrow the other's condition",
    )


class _Takers:
    """Rules found by one thing they demand: such as the earlier ones that end a request's way."""

    def __init__(self) -> None:
        self._by_demand: defaultdict[Hashable, list[_Read]] = defaultdict(list)
        self.unconditional: list[_Read] = []

    def add(self, read: _Read) -> None:
        demands = read.condition.demands
        if not demands:
            self.unconditional.append(read)
            return
        for key in min(demands, key=lambda keys: sum(len(self._by_demand[key]) for key in keys)):
            self._by_demand[key].append(read)

    def first_that_takes(self, read: _Read) -> Rule | None:
        found = [taker.rule for taker in self._candidates(read) if _takes(taker, read)]
        return min(found, key=lambda rule: rule.position) if found else None

    def all_that_hold(self, read: _Read) -> list[Rule]:
        """Those that match every request that this one does."""
        return [each.rule for each in self._candidates(read) if read.condition.implies(each.condition)]

    def _candidates(self, read: _Read) -> Iterator[_Read]:
        yield from self.unconditional
        for key in read.condition.offers:
            yield from self._by_demand.get(key, ())


def _takes(taker: _Read, read: _Read) -> bool:
    """A denial takes everything; a route takes only what another route wants."""
    if taker.rule.deny is None and read.rule.route is None:
        return False
    return read.condition.implies(taker.condition)


def _when_span(rule: Rule) -> Span:
    if rule.when is None:
        return rule.span
    return rule.when.source.span(0, len(rule.when.source.text))


def _excluded(program: Program, live: list[_Read], static_facts: StaticFacts) -> Iterator[Problem]:
    """Candidates that a constraint puts out for certain: that of their own rule, or of one that holds wherever it
    does."""
    holding = _Takers()
    for read in live:
        if read.rule.mode is Mode.ENFORCE and (read.rule.require or read.rule.quality_floor):
            holding.add(read)
    always = [read.rule for read in holding.unconditional]
    facts = {name: static_facts(target) for name, target in program.targets.items()}
    for read in live:
        if read.rule.route is not None:
            others = {each.position: each for each in holding.all_that_hold(read) if each is not read.rule}
            constraints = [read.rule, *(others[position] for position in sorted(others))]
            yield from _excluded_from(read.rule.route, read.rule.span, constraints, program, facts)
    yield from _excluded_from(program.default.route, program.default.span, always, program, facts)


def _excluded_from(
    route: Route, span: Span, constraints: list[Rule], program: Program, facts: Mapping[str, tuple[Any, ...]]
) -> Iterator[Problem]:
    for item in route.items:
        if item not in program.targets:
            continue
        for rule in constraints:
            why = _certainly_out(rule, program.targets[item].quality, facts[item])
            if why is not None:
                yield _warning(
                    "candidate-excluded",
                    f"`{item}` can never be chosen here: {why} of rule `{rule.id}` excludes it",
                    span,
                    "take it out of the route, or correct what is declared of the target",
                )
                break


def _certainly_out(rule: Rule, quality: ByTask, places: tuple[Any, ...]) -> str | None:
    floor = rule.quality_floor
    if floor is not None and _under(floor, quality):
        return f"the quality floor {_said(floor)}"
    require = rule.require
    steady = require is not None and rests_on_policy(require, by_task=bool(quality.tagged))
    if require is not None and steady and not any(_satisfies(require, facts) for facts in places):
        return "the `require`"
    return None


def _under(floor: Floor, quality: ByTask) -> bool:
    """Whether it is under the floor whatever kind of task a request is."""
    kinds = (*floor.least.tagged, *quality.tagged)
    pairs = [(floor.least.otherwise, quality.otherwise), *((floor.least.of(kind), quality.of(kind)) for kind in kinds)]
    return all(
        not floor.unknown_may if isinstance(known, Absent) else not isinstance(least, Absent) and known < least
        for least, known in pairs
    )


def _said(floor: Floor) -> str:
    levels = [("", floor.least.otherwise), *floor.least.tagged.items()]
    return ", ".join(f"{kind} {level:g}".strip() for kind, level in levels if not isinstance(level, Absent))


def _satisfies(require: Expression, facts: Any) -> bool:
    try:
        return require.evaluate(SimpleNamespace(target=facts)) is True
    except EvaluationError:
        return False
