"""How much is done at once: places for open requests, and a queue for those that have to wait for one.

Rule of this module: nothing waits without a bound. The queue has a length, each wait a deadline, and whoever is turned
away is told when to come back. What a request's standing is, others say.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from policyroute.dialects import ClientError
from policyroute_asgi.ranks import Ranks

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
    """Places for open requests. One that comes free is given to whoever waits with the highest standing, of those to
    whoever came first. Used on one event loop."""

    def __init__(self, limits: LoadLimits) -> None:
        self._limits = limits
        self._waiting: Ranks[asyncio.Future[bool]] = Ranks()
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

    async def wait(self, standing: int = 0) -> None:
        """Take a place when there is one. Raises Refused where none comes in time, where too many wait already and
        none of them has a lower standing, and where one with a higher standing comes and too many wait."""
        if self.take():  # one came free since it was asked for
            return
        if len(self._waiting) >= self._limits.queue and not self._displace(standing):
            raise overloaded("Too many requests wait here already.")
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.add(turn, standing)
        try:
            async with asyncio.timeout(self._limits.patience):
                given = await turn
        except BaseException as error:
            self._waiting.discard(turn, standing)
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()  # the place came at the very moment of giving up: it is the next one's
            if isinstance(error, TimeoutError):
                raise overloaded("No place came free here in time.") from None
            raise
        if not given:
            raise overloaded("Too many requests wait here, and others go first.")

    def leave(self) -> None:
        """Give a place back."""
        while (turn := self._waiting.next()) is not None:
            if not turn.done():  # else it was cancelled, and has yet to hear of that
                turn.set_result(True)
                return
        self.taken -= 1

    def _displace(self, standing: int) -> bool:
        """Make way in the queue for one of this standing, if somebody has a lower one."""
        turn = self._waiting.last(below=standing)
        if turn is not None and not turn.done():
            turn.set_result(False)
        return turn is not None
