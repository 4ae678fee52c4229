"""What is merged key by key (fallback, limits, hold, resume): each key from the first matching rule that sets it, then
`default`, then the built-in.

Rule of this module: plain values in and out; which rules match is somebody else's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, Final, Generic, TypeVar

from policyroute.decide.effects import Column
from policyroute.decide.resolved import ResolvedFallback, ResolvedHold, ResolvedLimits, ResolvedResume
from policyroute.failures import FailureKind
from policyroute.policy.actions import Fallback

T = TypeVar("T")
R = TypeVar("R", bound=ResolvedFallback | ResolvedHold | ResolvedLimits | ResolvedResume)

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
