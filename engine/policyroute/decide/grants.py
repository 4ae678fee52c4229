"""Which targets a client may use, whatever the rules say.

Rule of this module: worked out once for a policy set and a grant. What is not granted stays out on every hop.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Final

from policyroute.policy.grants import reached
from policyroute.policy.model import Target

_KEPT: Final = 1024
"""Grants that are remembered: an app's callable may make up as many as it has users."""


class Grants:
    """`of` gives the targets that a client's `models` reach."""

    __slots__ = ("_reached",)

    def __init__(self, targets: Mapping[str, Target]) -> None:
        # Over the targets, not over itself: a policy set that is replaced must go without the garbage collector.
        self._reached = lru_cache(maxsize=_KEPT)(partial(_granted, targets))

    def of(self, models: tuple[str, ...] | None) -> Mapping[str, Target] | None:
        """The targets by name; None where all of them are granted."""
        return None if models is None else self._reached(tuple(models))  # an app may hand over a list


def _granted(targets: Mapping[str, Target], models: tuple[str, ...]) -> Mapping[str, Target] | None:
    found = {name: target for name, target in targets.items() if reached(models, target)}
    return None if len(found) == len(targets) else found
