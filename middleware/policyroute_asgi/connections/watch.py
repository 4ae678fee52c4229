"""All connections of one server: looked at once a second, and brought to their end together.

Rule of this module: one task for all of them, however many, and it never keeps the loop for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any, Final

from uvicorn import Config
from uvicorn.server import ServerState

from policyroute_asgi.connections.limits import ConnectionLimits
from policyroute_asgi.connections.protocol import Connection, Terms

logger = logging.getLogger("policyroute.connections")

_AT_ONCE: Final = 500
"""Connections looked at before others get their turn: about half a millisecond."""
_TICK: Final = 0.1
"""Seconds between looks while the server retires."""


class Connections:
    """Its `protocol` is what uvicorn makes for each connection; `watch` has to run as long as there are any."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._terms = Terms(limits)
        self.linger = limits.linger

    @property
    def open(self) -> int:
        return len(self._terms.open)

    @property
    def refused(self) -> Counter[str]:
        """Requests and connections that the app did not get to see, by the error's code; `not_read` are clients cut
        off because they took nothing of their answer."""
        return self._terms.refused

    def protocol(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Connection:
        return Connection(config, server_state, app_state, _loop, terms=self._terms)

    async def watch(self) -> None:
        """Hold connections to their limits until cancelled, and say what was refused, in a line a look at most."""
        told = Counter(self.refused)
        while True:
            await asyncio.sleep(self._terms.limits.sweep)
            await self._look()
            news = self.refused - told
            if news:
                told = Counter(self.refused)
                logger.warning("refused: %s", ", ".join(f"{count} {code}" for code, count in news.items()))

    def retire(self, most: float | None = None) -> None:
        """Let every connection end: answers that have not begun say `Connection: close`. A connection without a
        request is closed when it has been quiet for `linger` seconds, `most` at most: until then it may send one more.
        """
        terms = self._terms
        if most is not None:
            self.linger = min(most, self.linger)
        if terms.linger is None:
            terms.retired_at = asyncio.get_running_loop().time()
            terms.linger = self.linger
            for connection in list(terms.open):
                connection.shutdown()

    async def left(self) -> None:
        """Returns when no connection is left, once they retire."""
        terms = self._terms
        while terms.open:
            terms.linger = self.linger
            await self._look()
            await asyncio.sleep(_TICK)

    def hurry(self) -> None:
        """Do not wait for a last request."""
        self.linger = 0.0

    def abort(self) -> None:
        """Cut what is left."""
        for connection in list(self._terms.open):
            connection.transport.abort()

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for number, connection in enumerate(list(self._terms.open), start=1):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if connection in self._terms.open:
                connection.check(now)
