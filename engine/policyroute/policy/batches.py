"""Service tiers and endpoints that answer later, for less: a warning where a rule uses them for people who wait.

Rule of this module: only what follows from a condition's form counts as being for the profile `BATCH` alone; in doubt
there is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from policyroute.catalogue import LATER, batch_at
from policyroute.cel import Expression
from policyroute.cel.canonical import canonical
from policyroute.cel.syntax import Ident, Select
from policyroute.policy.actions import Route
from policyroute.policy.conflicts import PlacedRule
from policyroute.policy.model import Default, Mode, Rule, Target
from policyroute.policy.report import Report
from policyroute.policy.tree import File, Path, dotted
from policyroute.request.profiles import BATCH

_PROFILE: Final = canonical(Select(operand=Ident(name="request"), field="profile"))
_FIELDS: Final = ("service_tier", "serviceTier")
_HINT: Final = f'write `request.profile == "{BATCH}"` in its `when`'

Variables = Mapping[str, Expression]
Targets = Mapping[str, Target | None]


@dataclass(frozen=True, slots=True)
class Batches:
    """What rules may refer to, and where problems go. `targets` has None for those that are wrong themselves."""

    targets: Targets
    variables: Variables
    report: Report

    def rules(self, rules: Iterable[PlacedRule]) -> None:
        for placed in rules:
            if placed.rule.mode is not Mode.OFF and not self._waits(placed.rule.when):
                self._tiers(placed)
                if placed.rule.route is not None:
                    self._route(placed.rule.route, placed.file, (*placed.path, "route"), _HINT)

    def default(self, default: Default, file: File) -> None:
        hint = f'route to it in a rule with `when: request.profile == "{BATCH}"`'
        self._route(default.route, file, ("default", "route"), hint)

    def _tiers(self, placed: PlacedRule) -> None:
        transform = placed.rule.transform
        if transform is None or self._waits(transform.where):
            return
        for place, tier in _slow_tiers(placed.rule):
            message = f"`{place[-1]}: {tier}` answers later, and the rule is not for the profile {BATCH} alone"
            self._warn(message, placed.file, (*placed.path, "transform", *place), _HINT)

    def _route(self, route: Route, file: File, path: Path, hint: str) -> None:
        for name in route.items:
            target = self.targets.get(name)
            vendors = (batch_at(each.base_url) for each in target.providers) if target else ()
            for vendor in dict.fromkeys(each.title for each in vendors if each):
                message = (
                    f"`{name}` is at {vendor}'s batch endpoint, which answers later, and this route is not for the"
                    f" profile {BATCH} alone"
                )
                self._warn(message, file, path, hint)

    def _waits(self, expression: Expression | None) -> bool:
        """Whether the condition holds for no profile but `BATCH`, itself or by a variable that it asks for."""
        if expression is None:
            return False
        regions = expression.condition.regions
        profiles = regions[_PROFILE].values if _PROFILE in regions else None
        if profiles is not None and set(profiles) <= {BATCH}:
            return True
        asked = (_variable(key) for key, region in regions.items() if region.values == (True,))
        return any(self._waits(self.variables.get(name)) for name in asked if name)

    def _warn(self, message: str, file: File, path: Path, hint: str) -> None:
        self.report.warning("slow-tier", message, file.key_span(path), hint=hint, path=dotted(path))


def _slow_tiers(rule: Rule) -> Iterator[tuple[Path, str]]:
    """Place and tier of what the rule's transform asks for."""
    transform = rule.transform
    if transform is None:
        return
    if transform.service_tier in LATER:
        yield ("service_tier",), transform.service_tier
    for dialect, fields in transform.raw.items():
        for field in _FIELDS:
            if isinstance(tier := fields.get(field), str) and tier.lower() in LATER:
                yield ("raw", dialect, field), tier


def _variable(key: object) -> str | None:
    """The name of the variable that a dimension reads."""
    match key:
        case ("select", ("root", "variables"), str() as name):
            return name
        case _:
            return None
