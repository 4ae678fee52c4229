"""What is merged key by key (fallback, limits, hold, resume, session, divergence): each key from the first matching
rule that sets it, then `default`, then the built-in.

Rule of this module: plain values in and out; which rules match is somebody else's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, Final, Generic, TypeVar

from policyroute.decide.decision import Course
from policyroute.decide.effects import Column, Effects
from policyroute.decide.resolved import (
    DEFAULT_FALLBACK,
    DEFAULT_HOLD,
    DEFAULT_LIMITS,
    DEFAULT_RESUME,
    ResolvedFallback,
    ResolvedHold,
    ResolvedLimits,
    ResolvedResume,
)
from policyroute.divergence import NOT_WATCHED, Watch
from policyroute.failures import FailureKind
from policyroute.policy.actions import Fallback
from policyroute.policy.model import Default
from policyroute.sessions import DEFAULT_SETTINGS, Settings

T = TypeVar("T")
R = TypeVar("R", bound=ResolvedFallback | ResolvedHold | ResolvedLimits | ResolvedResume | Settings | Watch)

_KEPT: Final = 1024


class Merged(Generic[T, R]):
    """One such effect of a policy set, by `merge`: the same rules give the same values, so what they give is kept."""

    __slots__ = ("_base", "_column", "_kept", "_merge")

    def __init__(self, column: Column[T], default: T | None, built_in: R, merge: Callable[[Sequence[T], R], R]) -> None:
        self._column = column
        self._base = merge([] if default is None else [default], built_in)
        self._merge = merge
        self._kept: dict[int, R] = {}

    def of(self, bitmap: int) -> R:
        """What these rules set, over what there is without them."""
        bitmap &= self._column.mask
        if not bitmap:
            return self._base
        kept = self._kept.get(bitmap)
        if kept is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            kept = self._kept[bitmap] = self._merge(self._column.of(bitmap), self._base)
        return kept


class Merges:
    """All such effects of a policy set."""

    __slots__ = ("_courses", "_session", "_watch", "fallback", "hold", "limits", "resume")

    def __init__(self, effects: Effects, default: Default) -> None:
        self.fallback = Merged(effects.fallback, default.fallback, DEFAULT_FALLBACK, fallback)
        self.limits = Merged(effects.limits, default.limits, DEFAULT_LIMITS, first_set)
        self.hold = Merged(effects.hold, default.hold, DEFAULT_HOLD, first_set)
        self.resume = Merged(effects.resume, default.resume, DEFAULT_RESUME, first_set)
        self._session = Merged(effects.session, default.session, DEFAULT_SETTINGS, first_set)
        self._watch = Merged(effects.divergence, default.divergence, NOT_WATCHED, first_set)
        self._courses = effects.session.mask | effects.divergence.mask, Course(self._session.of(0), self._watch.of(0))

    def course(self, bitmap: int) -> Course:
        """What these rules say of a conversation that begins."""
        mask, base = self._courses
        return Course(self._session.of(bitmap), self._watch.of(bitmap)) if bitmap & mask else base


def first_set(rules: Sequence[object], base: R) -> R:
    """Each key of `base` from the first of `rules` that sets it: None says that a rule does not."""
    given: dict[str, Any] = {}
    for rule in reversed(rules):
        said = {key.name: getattr(rule, key.name) for key in fields(base)}
        given |= {name: value for name, value in said.items() if value is not None}
    return replace(base, **given)


def fallback(rules: Sequence[Fallback], base: ResolvedFallback) -> ResolvedFallback:
    """`rules` in order. An edit (`after: {add, remove}`) edits the set of `base`, not that of a later rule. Where an
    overflow is an error, nobody is asked after one."""
    found = first_set(rules, base)
    ends = {FailureKind.CONTEXT_OVERFLOW} if found.on_overflow == "error" else frozenset[FailureKind]()
    return replace(found, after=_after(rules, base.after) - ends)


def _after(rules: Sequence[Fallback], base: frozenset[FailureKind]) -> frozenset[FailureKind]:
    for rule in rules:
        if rule.after is not None or rule.after_add or rule.after_remove:
            start = base if rule.after is None else rule.after
            return (start | rule.after_add) - rule.after_remove
    return base
