"""Which rules have which effects, as bitmaps over the rules.

Rule of this module: bit n of a bitmap is `rules[n]`. Rules that are off are not here; those in shadow mode have no
effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from policyroute.cel import Expression
from policyroute.decide.constraints import Constraint
from policyroute.policy.actions import (
    Budget,
    Conversing,
    Diverging,
    Expected,
    Fallback,
    Headers,
    Hold,
    Limits,
    Redact,
    Resume,
    Route,
    Scrub,
    Transform,
)
from policyroute.policy.model import Mode, Rule

T = TypeVar("T")


class Order(NamedTuple):
    """By what candidates are ranked (`cost`, `latency`, or an expression over `target`), and whose word that is: a
    rule's `route.rank`, or its `rank` for the default route."""

    rule: str
    effect: str
    by: str | Expression


Redactions = tuple[tuple[str, Redact], ...]
Guards = tuple[Redactions, Redactions, tuple[tuple[str, Scrub], ...]]
Changes = tuple[tuple[tuple[str, Transform], ...], tuple[tuple[str, Headers], ...], tuple[tuple[str, Headers], ...]]
_UNCHANGED: Final[Changes] = ((), (), ())
_UNGUARDED: Final[Guards] = ((), (), ())


class Column(Generic[T]):
    """One effect of all the rules that have it."""

    __slots__ = ("_values", "mask")

    def __init__(self, rules: Sequence[Rule], read: Callable[[Rule], T | None]) -> None:
        self._values: dict[int, T] = {}
        self.mask = 0
        for position, rule in enumerate(rules):
            value = read(rule) if rule.mode is Mode.ENFORCE else None
            if value is not None:
                self._values[position] = value
                self.mask |= 1 << position

    def of(self, bitmap: int) -> tuple[T, ...]:
        """The effect of each of these rules that has it, in order."""
        bitmap &= self.mask
        return tuple([self._values[position] for position in bits(bitmap)]) if bitmap else ()

    def first(self, bitmap: int) -> tuple[int, T] | None:
        """The earliest of these rules that has it."""
        bitmap &= self.mask
        if not bitmap:
            return None
        position = (bitmap & -bitmap).bit_length() - 1
        return position, self._values[position]


class Effects:
    """The rules that can match, and a column for each thing that the combination of effects asks of them. `by_task`:
    what some target's quality is depends on the request."""

    def __init__(self, program_rules: Iterable[Rule], *, by_task: bool) -> None:
        self.rules = rules = tuple(rule for rule in program_rules if rule.mode is not Mode.OFF)
        self.ids = tuple(rule.id for rule in rules)
        self.shadow = sum(1 << n for n, rule in enumerate(rules) if rule.mode is Mode.SHADOW)
        self.closed = sum(1 << n for n, rule in enumerate(rules) if rule.fails_closed)
        self.deny: Column[Rule] = Column(rules, lambda rule: rule if rule.deny else None)
        self.constrain: Column[Constraint] = Column(rules, lambda rule: _constraint(rule, by_task))
        self.route: Column[Route] = Column(rules, lambda rule: rule.route)
        self.rank: Column[Order] = Column(
            rules, lambda rule: Order(rule.id, "rank", rule.rank) if rule.rank is not None else None
        )
        self.transform: Column[tuple[str, Transform]] = Column(
            rules, lambda rule: (rule.id, rule.transform) if rule.transform else None
        )
        self.request_headers: Column[tuple[str, Headers]] = Column(
            rules, lambda rule: (rule.id, rule.request_headers) if rule.request_headers else None
        )
        self.response_headers: Column[tuple[str, Headers]] = Column(
            rules, lambda rule: (rule.id, rule.response_headers) if rule.response_headers else None
        )
        self.fallback: Column[Fallback] = Column(rules, lambda rule: rule.fallback)
        self.limits: Column[Limits] = Column(rules, lambda rule: rule.limits)
        self.expect: Column[tuple[str, Expected]] = Column(
            rules, lambda rule: (rule.id, rule.expect) if rule.expect else None
        )
        self.hold: Column[Hold] = Column(rules, lambda rule: rule.hold)
        self.resume: Column[Resume] = Column(rules, lambda rule: rule.resume)
        self.session: Column[Conversing] = Column(rules, lambda rule: rule.session)
        self.divergence: Column[Diverging] = Column(rules, lambda rule: rule.divergence)
        self.redact: Column[tuple[str, Redact]] = Column(
            rules, lambda rule: (rule.id, rule.redact) if rule.redact and not rule.censors else None
        )
        self.censor: Column[tuple[str, Redact]] = Column(
            rules, lambda rule: (rule.id, rule.redact) if rule.redact and rule.censors else None
        )
        self.scrub: Column[tuple[str, Scrub]] = Column(
            rules, lambda rule: (rule.id, rule.scrub) if rule.scrub else None
        )
        self.budget: Column[tuple[str, Budget]] = Column(
            rules, lambda rule: (rule.id, rule.budget) if rule.budget else None
        )
        self._changing = self.transform.mask | self.request_headers.mask | self.response_headers.mask
        self._guarding = self.redact.mask | self.censor.mask | self.scrub.mask

    def closing(self, erred: Collection[int]) -> int:
        """Those of these rules that apply though nobody can say whether they match."""
        return sum([1 << position for position in erred]) & self.closed if erred else 0

    def paying(self, bitmap: int) -> tuple[str, ...]:
        """The names of the budgets of these rules."""
        return tuple([budget.name for _, budget in self.budget.of(bitmap)]) if bitmap & self.budget.mask else ()

    def guards(self, bitmap: int) -> Guards:
        """What these rules redact of what is sent and of what is answered, and what they scrub."""
        if not bitmap & self._guarding:
            return _UNGUARDED
        return self.redact.of(bitmap), self.censor.of(bitmap), self.scrub.of(bitmap)

    def changes(self, bitmap: int) -> Changes:
        """What these rules change: of the request, of the headers to the provider and of those to the client."""
        if not bitmap & self._changing:
            return _UNCHANGED
        return self.transform.of(bitmap), self.request_headers.of(bitmap), self.response_headers.of(bitmap)

    def scrubs(self) -> tuple[Scrub, ...]:
        """What any rule scrubs, those in shadow mode too."""
        return tuple(rule.scrub for rule in self.rules if rule.scrub is not None)

    def named(self, bitmap: int) -> tuple[str, ...]:
        """The ids of these rules, in order."""
        return tuple([self.ids[position] for position in bits(bitmap)]) if bitmap else ()


def _constraint(rule: Rule, by_task: bool) -> Constraint | None:
    demanding = rule.require is not None or rule.quality_floor is not None
    return Constraint(rule.id, rule.require, rule.quality_floor, by_task=by_task) if demanding else None


def bits(bitmap: int) -> Iterator[int]:
    """The positions of the bits that are set, lowest first."""
    while bitmap:
        lowest = bitmap & -bitmap
        yield lowest.bit_length() - 1
        bitmap ^= lowest
