"""What is merged key by key (fallback, limits, hold, resume): each key from the first matching rule that sets it, then
`default`, then the built-in.

Rule of this module: plain values in and out; which rules match is somebody else's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

from policyroute.decide.effects import Column
from policyroute.decide.resolved import ResolvedFallback, ResolvedHold, ResolvedLimits, ResolvedResume
from policyroute.failures import DEFAULT_AFTER, FailureKind
from policyroute.policy.actions import Fallback, Hold, Limits, Resume

DEFAULT_FALLBACK: Final = ResolvedFallback(after=DEFAULT_AFTER, retries=1, max_swaps=2, max_attempts=4, swap_delay=0.05)

DEFAULT_LIMITS: Final = ResolvedLimits(connect=5.0, ttft=60.0, idle=60.0, total=600.0)
"""A connection that takes 5 s will not come; a model may think for a minute before its first word and between two;
and ten minutes is what the vendors' own SDKs wait for a whole answer."""

DEFAULT_HOLD: Final = ResolvedHold()
DEFAULT_RESUME: Final = ResolvedResume()

T = TypeVar("T")
R = TypeVar("R")

_KEPT: Final = 1024


class Merged(Generic[T, R]):
    """One such effect of a policy set: the same rules give the same values, so what they give is kept."""

    __slots__ = ("_base", "_column", "_kept", "_merge")

    def __init__(self, column: Column[T], base: R, merge: Callable[[Sequence[T], R], R]) -> None:
        self._column = column
        self._base = base
        self._merge = merge
        self._kept: dict[int, R] = {}

    def of(self, bitmap: int) -> R:
        """What these rules set, over `base`."""
        bitmap &= self._column.mask
        if not bitmap:
            return self._base
        kept = self._kept.get(bitmap)
        if kept is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            kept = self._kept[bitmap] = self._merge(self._column.of(bitmap), self._base)
        return kept


def fallback(rules: Sequence[Fallback], base: ResolvedFallback = DEFAULT_FALLBACK) -> ResolvedFallback:
    """`rules` in order. An edit (`after: {add, remove}`) edits the set of `base`, not that of a later rule. Where an
    overflow is an error, nobody is asked after one."""
    on_overflow = _first((rule.on_overflow for rule in rules), base.on_overflow)
    ends = {FailureKind.CONTEXT_OVERFLOW} if on_overflow == "error" else frozenset[FailureKind]()
    return ResolvedFallback(
        after=_after(rules, base.after) - ends,
        retries=_first((rule.retries for rule in rules), base.retries),
        max_swaps=_first((rule.max_swaps for rule in rules), base.max_swaps),
        max_attempts=_first((rule.max_attempts for rule in rules), base.max_attempts),
        swap_delay=_first((rule.swap_delay for rule in rules), base.swap_delay),
        on_unsupported=_first((rule.on_unsupported for rule in rules), base.on_unsupported),
        on_overflow=on_overflow,
        mid_stream=_first((rule.mid_stream for rule in rules), base.mid_stream),
    )


def limits(rules: Sequence[Limits], base: ResolvedLimits = DEFAULT_LIMITS) -> ResolvedLimits:
    """`rules` in order."""
    return ResolvedLimits(
        connect=_first((rule.connect for rule in rules), base.connect),
        ttft=_first((rule.ttft for rule in rules), base.ttft),
        idle=_first((rule.idle for rule in rules), base.idle),
        total=_first((rule.total for rule in rules), base.total),
    )


def hold(rules: Sequence[Hold], base: ResolvedHold = DEFAULT_HOLD) -> ResolvedHold:
    """`rules` in order."""
    return ResolvedHold(
        tools=_first((rule.tools for rule in rules), base.tools),
        schema=_first((rule.schema for rule in rules), base.schema),
        max_bytes=_first((rule.max_bytes for rule in rules), base.max_bytes),
    )


def resume(rules: Sequence[Resume], base: ResolvedResume = DEFAULT_RESUME) -> ResolvedResume:
    """`rules` in order."""
    return ResolvedResume(
        enabled=_first((rule.enabled for rule in rules), base.enabled),
        message=_first((rule.message for rule in rules), base.message),
        instruction=_first((rule.instruction for rule in rules), base.instruction),
        max_bytes=_first((rule.max_bytes for rule in rules), base.max_bytes),
    )


def _after(rules: Sequence[Fallback], base: frozenset[FailureKind]) -> frozenset[FailureKind]:
    for rule in rules:
        if rule.after is not None or rule.after_add or rule.after_remove:
            start = base if rule.after is None else rule.after
            return (start | rule.after_add) - rule.after_remove
    return base


def _first(values: Iterable[T | None], otherwise: T) -> T:
    return next((value for value in values if value is not None), otherwise)
