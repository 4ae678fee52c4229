"""Plain httpx as a way to providers: one httpx transport for each way of connecting.

Rule of this module: a way that nobody has gone for a while is closed, and so is the oldest where there are too many;
never one that is in use.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httpx

from policyroute_asgi.outward import connection_of
from policyroute_asgi.provider_connections import PLAIN, Connection, Contexts
from policyroute_asgi.resolving import GuardedBackend

MOST_WAYS: Final = 64
FORGOTTEN: Final = 300.0
"""Seconds."""


@dataclass(slots=True)
class _Way:
    transport: httpx.AsyncHTTPTransport
    open: int = 0
    used: float = field(default_factory=time.monotonic)


class HttpxTransport(httpx.AsyncBaseTransport):
    def __init__(self, contexts: Contexts, limits: httpx.Limits) -> None:
        self._contexts = contexts
        self._limits = limits
        self._ways: dict[Connection, _Way] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        way = await self._way(connection_of(request) or PLAIN)
        way.open += 1
        way.used = time.monotonic()
        try:
            response = await way.transport.handle_async_request(request)
        except BaseException:
            way.open -= 1
            raise
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        response.stream = _Counted(stream, way)
        return response

    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.transport.aclose()

    async def _way(self, connection: Connection) -> _Way:
        way = self._ways.get(connection)
        if way is None:
            context = await self._contexts.of(connection)
            await self._tidy()
            way = self._ways.setdefault(connection, _Way(self._made(connection, context)))
        return way

    def _made(self, connection: Connection, context: Any) -> httpx.AsyncHTTPTransport:
        proxy = httpx.Proxy(connection.proxy, auth=connection.proxy_login) if connection.proxy else None
        made = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=self._limits, proxy=proxy)
        # httpx has no name for it: without this, what a name leads to could not be looked at.
        pool = cast("Any", made)._pool
        pool._network_backend = GuardedBackend(pool._network_backend)
        return made

    async def _tidy(self) -> None:
        """Before another way is added."""
        free = sorted((each for each in self._ways.items() if not each[1].open), key=lambda each: each[1].used)
        old = time.monotonic() - FORGOTTEN
        spare = len(self._ways) - MOST_WAYS + 1
        gone = [each for number, each in enumerate(free) if number < spare or each[1].used < old]
        for connection, _ in gone:
            del self._ways[connection]
        for _, way in gone:
            await way.transport.aclose()


class _Counted(httpx.AsyncByteStream):
    """An answer that keeps its way open until it is closed."""

    def __init__(self, inner: httpx.AsyncByteStream, way: _Way) -> None:
        self._inner = inner
        self._way: _Way | None = way

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        async with aclosing(cast("AsyncGenerator[bytes]", aiter(self._inner))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        way, self._way = self._way, None
        if way is not None:
            way.open -= 1
        await self._inner.aclose()
