"""Room at targets that take so many attempts at once, and the requests that wait for some.

Rule of this module: a target that is full is passed over; only where every candidate is full is there a wait, and that
has a bound.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from policyroute.decide.decision import Candidate
from policyroute.decide.state import Place
from policyroute.failures import Failure, FailureKind
from policyroute_asgi.load import COME_BACK, LoadLimits, overloaded

FULL: Final = Failure(
    FailureKind.OVERLOADED,
    "As many attempts as may be are open at the target.",
    code="target_full",
    retry_after=COME_BACK,
)


class Rooms:
    """Counts open attempts by place in `open_attempts`, where others read it. Used on one event loop."""

    def __init__(self, open_attempts: dict[Place, int], limits: LoadLimits) -> None:
        self._open = open_attempts
        self._limits = limits
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._count = 0

    def full(self, candidate: Candidate) -> bool:
        limit = candidate.spec.concurrency
        if limit is None:
            return False
        places = ((candidate.target, provider.name) for provider in candidate.spec.providers)
        return sum(self._open.get(place, 0) for place in places) >= limit

    def all_full(self, candidates: Sequence[Candidate]) -> bool:
        return all(map(self.full, candidates))

    def opened(self, candidate: Candidate) -> None:
        """An attempt at it begins. `closed` follows."""
        place = (candidate.target, candidate.provider.name)
        self._open[place] = self._open.get(place, 0) + 1

    def closed(self, candidate: Candidate) -> None:
        place = (candidate.target, candidate.provider.name)
        self._open[place] -= 1
        if not self._open[place]:
            del self._open[place]
        if candidate.spec.concurrency is not None:
            self._left(candidate.target)

    def _left(self, target: str) -> None:
        """There may be room: whoever waits for it longest may look again."""
        waiting = self._waiting.get(target)
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._waiting.pop(target, None)

    async def wait(self, candidates: Sequence[Candidate]) -> None:
        """Until one of the candidates has room. Raises Refused where too many wait already, or none has in time."""
        if self._count >= self._limits.queue:
            raise overloaded("Too many requests wait for this model already.")
        targets = {candidate.target for candidate in candidates}
        self._count += 1
        try:
            async with asyncio.timeout(self._limits.patience):
                while self.all_full(candidates):
                    await self._turn(targets)
        except TimeoutError:
            raise overloaded("No room came free at this model in time.") from None
        finally:
            self._count -= 1

    async def _turn(self, targets: set[str]) -> None:
        turn = asyncio.get_running_loop().create_future()
        for target in targets:
            self._waiting.setdefault(target, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                for target in targets:  # told at the very moment of giving up: the next one may look
                    self._left(target)
            raise
        finally:
            for target in targets:
                waiting = self._waiting.get(target)
                if waiting is not None and turn in waiting:
                    waiting.remove(turn)
