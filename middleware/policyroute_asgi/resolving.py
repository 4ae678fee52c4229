"""Names to addresses, without those that no request may go to.

Rule of this module: link-local addresses are never connected to, whatever a name says: clouds hand out a machine's
credentials there. What a proxy resolves is the proxy's.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

import httpcore
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from policyroute.policy.addresses import link_local

SocketOptions = Iterable[tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]]


class ForbiddenAddress(OSError):
    """A name that leads to nothing but link-local addresses."""


class GuardedResolver(AbstractResolver):
    """aiohttp's own, and what it may not find left out. Made on the loop that it resolves for."""

    def __init__(self) -> None:
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError."""
        found = await self._inner.resolve(host, port, family)
        kept = [each for each in found if not link_local(each["host"])]
        if found and not kept:
            raise ForbiddenAddress
        return kept

    async def close(self) -> None:
        await self._inner.close()


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """The same for httpcore: it resolves, and gives the inner backend one address after the other."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises httpcore's exceptions, and OSError where the name leads nowhere."""
        try:
            async with asyncio.timeout(timeout):
                *others, last = await _allowed(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        for address in others:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        socket_options: SocketOptions | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return await self._inner.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def _allowed(host: str, port: int) -> list[str]:
    """At least one. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    kept = [str(address[0]) for *_, address in found if not link_local(str(address[0]))]
    if not kept:
        raise ForbiddenAddress
    return kept
