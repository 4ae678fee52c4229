"""What workers use of what is limited over all of them: gathered from each, summed up for each.

Rule of this module: news is sent at most every quarter of a second, and only where there is some.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Final

from policyroute_asgi.usage import NOTHING, Amounts

PACE: Final = 0.25
"""Seconds."""


class Paced:
    """Calls `action` soon after each `wanted`, however many there are, and never twice within PACE."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._due = False
        self._next = 0.0

    def wanted(self) -> None:
        if self._due:
            return
        self._due = True
        loop = asyncio.get_running_loop()
        loop.call_at(max(self._next, loop.time()), self._act)

    def _act(self) -> None:
        self._due = False
        self._next = asyncio.get_running_loop().time() + PACE
        self._action()


class WorkersUsage:
    """A worker's `SharedUsage`. `send` takes what is to be told to the supervisor."""

    def __init__(self, send: Callable[[Amounts], None]) -> None:
        self.others: Amounts = NOTHING
        self._mine: Amounts = NOTHING
        self._sent: Amounts = NOTHING
        self._send = send
        self._paced = Paced(self._tell)

    def publish(self, values: Amounts) -> None:
        self._mine = values
        if values != self._sent:
            self._paced.wanted()

    def _tell(self) -> None:
        if self._mine != self._sent:
            self._sent = dict(self._mine)
            self._send(self._sent)


def total(values: Iterable[Amounts]) -> Amounts:
    """Number by number; one that is not given is 0."""
    result: dict[str, tuple[float, ...]] = {}
    for each in values:
        for name, numbers in each.items():
            result[name] = tuple(map(sum, zip_longest(result.get(name, ()), numbers, fillvalue=0)))
    return result
