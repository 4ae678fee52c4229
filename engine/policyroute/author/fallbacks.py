"""What `check` can say of routes whose prompts are scrubbed: who of them can be told what a prompt cannot do without.

Rule of this module: warnings only. Text without a label is `internal` and required; what a profile
labels and requires may well be in a prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from policyroute.author.reach import StaticFacts
from policyroute.cel import EvaluationError, Expression
from policyroute.cel.region import exclude
from policyroute.clearance import Clearance
from policyroute.decide.constraints import rests_on_policy
from policyroute.policy.actions import REQUESTED, Route, Scrub
from policyroute.policy.model import Mode, Program, Rule
from policyroute.problems import Problem, Severity, Span
from policyroute.scrub.profile import Profile

_SYSTEM: Final = frozenset({"system"})


@dataclass(frozen=True, slots=True)
class _Place:
    """A target at one of its providers, as far as it is written in the policy."""

    facts: Any

    @property
    def name(self) -> str:
        return f"`{self.facts.name}` at {self.facts.provider}"

    def takes(self, label: Clearance, scrub: Scrub) -> bool:
        """Whether it can be told text with this label, or nobody can say that it cannot."""
        return self.facts.clearance >= label or not _surely(scrub.where, self.facts)


@dataclass(frozen=True, slots=True)
class _Lane:
    """A route, and the rule whose it is; None for the default, which some rule may rank."""

    route: Route
    owner: Rule | None
    span: Span
    ranked: bool
    places: tuple[_Place, ...]

    @property
    def first_is_known(self) -> bool:
        """Whether the first place is the one that is asked first."""
        drawn = self.ranked or self.route.weights is not None or self.route.rank is not None
        return not drawn and self.route.items[0] != REQUESTED

    @property
    def open_ended(self) -> bool:
        """Whether anybody at all may be fallen back to: whoever serves what the client asks for."""
        return REQUESTED in self.route.items[1:]

    def meets(self, rule: Rule) -> bool:
        """Whether a request may match both: only what follows from the conditions' form keeps them apart."""
        if self.owner is None or self.owner is rule:
            return True
        one, other = _atoms(self.owner.when), _atoms(rule.when)
        return not any(exclude(a, b) for key in one.keys() & other.keys() for a in one[key] for b in other[key])


def untold(program: Program, static_facts: StaticFacts) -> tuple[Problem, ...]:
    """Every route that has nobody, or nobody to fall back to, for text that a rule's profile labels and requires; and
    every provider in one that can be told nothing, because nothing is labelled `public`."""
    scrubbing = [rule for rule in program.rules if rule.scrub is not None and rule.mode is Mode.ENFORCE]
    if not scrubbing:
        return ()
    lanes = list(_lanes(program, static_facts))
    return tuple(
        problem
        for rule in scrubbing
        for lane in lanes
        if rule.scrub is not None and lane.meets(rule)
        for problem in (*_public(lane, rule.id, rule.scrub), *_fallback(lane, rule.id, rule.scrub))
    )


def _lanes(program: Program, static_facts: StaticFacts) -> Iterator[_Lane]:
    routing = [(rule.route, rule, rule.span) for rule in program.rules if rule.route and rule.mode is not Mode.OFF]
    ranked = any(rule.rank is not None and rule.mode is Mode.ENFORCE for rule in program.rules)
    for route, owner, span in [*routing, (program.default.route, None, program.default.span)]:
        targets = [program.targets[item] for item in route.items if item in program.targets]
        places = tuple(_Place(facts) for target in targets for facts in static_facts(target))
        yield _Lane(route, owner, span, ranked and owner is None, places)


def _public(lane: _Lane, rule: str, scrub: Scrub) -> Iterator[Problem]:
    if _labels_public(scrub.profile):
        return
    for place in lane.places:
        if not place.takes(Clearance.INTERNAL, scrub):
            yield _warning(
                "public-provider",
                f"{place.name} can be told nothing here: its clearance is `public`, and by rule `{rule}` what has no"
                " label is `internal`",
                lane.span,
                "raise the provider's clearance, take it out of the route, or label what is public",
            )


def _fallback(lane: _Lane, rule: str, scrub: Scrub) -> Iterator[Problem]:
    needed = _required(scrub.profile)
    if needed is None or not lane.places or lane.open_ended:
        return
    by, label = needed
    first = lane.places[0] if lane.first_is_known and lane.places[0].takes(label, scrub) else None
    others = lane.places[1:] if lane.first_is_known else lane.places
    if any(place.takes(label, scrub) for place in others) or (first and not others):
        return
    who = f"nobody after {first.name}" if first else "nobody that this route names"
    hint = f"add a target at a provider with clearance `{label.label}`"
    yield _warning(
        "no-usable-fallback",
        f"{who} may be told what rule `{rule}` requires: `{by}` labels it `{label.label}`",
        lane.span,
        hint if label < Clearance.SECRET else "no provider may be told what is secret: leave it out, or label it lower",
    )


def _labels_public(profile: Profile) -> bool:
    """Whether it may call public what is not the author's own text: tags count in that alone."""
    labels = [*profile.defaults.values(), *[each.label for each in profile.selectors if not each.tag]]
    return Clearance.PUBLIC in labels


def _required(profile: Profile) -> tuple[str, Clearance] | None:
    """The most secret text that the profile requires and has no other words for, and by what; None where there is none
    that it labels."""
    said = [
        (each.id, each.label, each.role == _SYSTEM)
        for each in profile.selectors
        if each.required and each.label is not None
    ]
    said += [(f"defaults.{name}", label, name in _SYSTEM) for name, label in profile.defaults.items()]
    left = [(by, label) for by, label, system in said if not (system and profile.system_fallback)]
    return max(left, key=lambda pair: pair[1], default=None)


def _surely(where: Expression | None, facts: Any) -> bool:
    """Whether the condition is known to hold. One that errs holds."""
    if where is None:
        return True
    if not rests_on_policy(where, by_task=not hasattr(facts, "quality")):
        return False
    try:
        return where.evaluate(SimpleNamespace(target=facts)) is not False
    except EvaluationError:
        return True


def _atoms(when: Expression | None) -> dict[Any, tuple[Any, ...]]:
    return {key: region.atoms for key, region in when.condition.regions.items()} if when else {}


def _warning(code: str, message: str, span: Span, hint: str) -> Problem:
    return Problem(code, message, span, hint, severity=Severity.WARNING)
