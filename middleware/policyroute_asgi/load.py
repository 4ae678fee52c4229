"""How much is done at once: places for open requests, and a queue for those that have to wait for one.

Rule of this module: nothing waits without a bound. The queue has a length, each wait a deadline, and whoever is turned
away is told when to come back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from policyroute.dialects import ClientError

COME_BACK: Final = 1.0
"""Seconds told to those who are turned away: open requests end all the time."""


class Refused(Exception):
    """The request is not served now. `error` is for its client."""

    def __init__(self, error: ClientError) -> None:
        super().__init__(error.code)
        self.error = error


def overloaded(message: str) -> Refused:
    """For those who may come back soon."""
    return Refused(ClientError(503, "overloaded", message, retry=True, retry_after=COME_BACK))


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """Per process. `patience` is how long a request may wait for a place, seconds; `queue` how many may wait;
    `held_bytes` is what the bodies of all of them may come to."""

    concurrency: int = 1000
    queue: int = 1000
    patience: float = 5.0
    held_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.queue < 0 or self.patience < 0 or self.held_bytes < 1:
            raise ValueError("a process serves one request at once at least, and nothing waits less than no time")


class Places:
    """Places for open requests, given to those who wait in the order in which they came. Used on one event loop."""

    def __init__(self, limits: LoadLimits) -> None:
        self._limits = limits
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.taken = 0
        self.held = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def load(self) -> float:
        """Taken places as a share of all, 0 to 1."""
        return self.taken / self._limits.concurrency

    def hold(self, size: int) -> None:
        """Account for a body of `size` bytes, until `release`. Raises Refused where the process holds too much."""
        if self.held + size > self._limits.held_bytes:
            raise overloaded("This gateway holds as much as it may.")
        self.held += size

    def release(self, size: int) -> None:
        self.held -= size

    def take(self) -> bool:
        """Take a place, if there is one and nobody waits."""
        if self._waiting or self.taken >= self._limits.concurrency:
            return False
        self.taken += 1
        return True

    async def wait(self) -> None:
        """Take a place when there is one. Raises Refused where too many wait already, or none comes in time."""
        if len(self._waiting) >= self._limits.queue:
            raise overloaded("Too many requests wait here already.")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._limits.patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place came at the very moment of giving up: it is the next one's
            else:
                with suppress(ValueError):  # `leave` may have passed it by
                    self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise overloaded("No place came free here in time.") from None
            raise

    def leave(self) -> None:
        """Give a place back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.taken -= 1
