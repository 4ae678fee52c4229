"""One of the places at which a worker serves: there is somebody in it, or soon will be.

Rule of this module: a place whose worker dies is filled at once; one whose workers keep dying, ever more slowly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from policyroute_asgi.workers.child import Child, NotReadyError
from policyroute_asgi.workers.patience import Ending

_STEADY: Final = 30.0
"""Seconds that a worker has to live for its death to be no part of a series."""
_LONGEST: Final = 30.0
_FIRST: Final = 0.25

Hire = Callable[[int], Awaitable[Child]]
"""A worker that serves. Raises NotReadyError."""


class Place:
    """`lost` is told why a worker is not there, and in how many seconds there will be the next."""

    def __init__(self, child: Child, hire: Hire, lost: Callable[[Child, Ending, float], None]) -> None:
        self.child = child
        self._hire = hire
        self._lost = lost
        self._turn = asyncio.Lock()
        self._series = 0

    async def keep(self) -> None:
        """Have it filled whenever its worker is gone. Never ends."""
        while True:
            child = self.child
            await child.released.wait()
            async with self._turn:
                if child is self.child and child.ending is not None:
                    await self._replace(child, child.ending)

    async def renew(self) -> None:
        """Put a new worker here and retire the one it has. Raises NotReadyError, and all is as it was."""
        async with self._turn:
            successor = await self._hire(self.child.number)
            before, self.child = self.child, successor
            if before.ending is None:
                before.retire()
            else:
                self._lost(before, before.ending, 0.0)

    async def _replace(self, lost: Child, why: Ending) -> None:
        self._series = self._series + 1 if lost.age < _STEADY else 1
        while True:
            delay = 0.0 if self._series == 1 else min(_LONGEST, _FIRST * 2.0 ** (self._series - 2))
            self._lost(lost, why, delay)
            await asyncio.sleep(delay)
            try:
                self.child = await self._hire(lost.number)
                return
            except NotReadyError as error:
                self._series += 1
                why = Ending("died", f"has no successor yet: {error}")
