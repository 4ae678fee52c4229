"""How much work a check may still do.

Rule of this module: work is counted, in what takes about a microsecond, and never timed: the same schema and answer end
the same way on every machine.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

ALLOWED: Final = 50_000
"""Nothing else runs meanwhile, and nobody is to wait for longer than that."""

_left: ContextVar[list[int]] = ContextVar("work that is left")


class Unusable(Exception):
    """The schema, or the text, cannot be checked. `reason` has nothing of what they say."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def allowed(work: int = ALLOWED) -> Generator[None]:
    """What is done inside may `spend` so much."""
    token = _left.set([work])
    try:
        yield
    finally:
        _left.reset(token)


def spend(work: int) -> None:
    """Raises Unusable where there is not so much left."""
    left = _left.get()
    left[0] -= work
    if left[0] < 0:
        raise Unusable("the check takes too long")
