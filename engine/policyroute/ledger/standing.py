"""How a request's budgets stand: whose account each is, and what is left in it.

Rule of this module: values. A budget whose key cannot be told is an error where somebody asks, never a full purse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from policyroute.cel.expression import EvaluationError


class Claim(NamedTuple):
    """A request's part in one budget. `key` is whose share of it: what `per` says, empty for all of a tenant. `begins`
    and `resets` are the window's, in seconds since 1970."""

    budget: str
    rule: str
    key: str
    limit_usd: float
    warn: float
    denies: bool
    begins: float
    resets: float


class Standing(NamedTuple):
    """`spent_usd` has what calls in flight are expected to cost in it."""

    spent_usd: float
    limit_usd: float
    resets: float = 0.0

    @property
    def remaining_usd(self) -> float:
        return max(0.0, self.limit_usd - self.spent_usd)

    @property
    def used_ratio(self) -> float:
        """1 and more where it is used up."""
        return self.spent_usd / self.limit_usd


class Standings:
    """`budgets`: an attribute for each budget. Asking for one that cannot be told raises EvaluationError."""

    __slots__ = ("__known",)

    def __init__(self, known: Mapping[str, Standing | EvaluationError]) -> None:
        self.__known = known

    def __getattr__(self, name: str) -> Standing:
        found = self.__known.get(name)
        if found is None:
            raise AttributeError(name)
        if isinstance(found, EvaluationError):
            raise found.with_traceback(None)
        return found


UNKNOWN: Final = Standings({})
"""Where there are no budgets."""
