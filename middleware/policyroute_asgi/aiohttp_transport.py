"""aiohttp as a way to providers, and behind httpx's transport interface.

Rule of this module: it translates and adds nothing. httpx_aiohttp does the same for any httpx client, but takes about
20 µs of CPU more a request and loses what kind of connection error it was.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial
from typing import Any, NoReturn

import aiohttp
import httpx
from multidict import CIMultiDict

from policyroute.exchange.payload import Outbound
from policyroute_asgi.aiohttp_wire import Wire
from policyroute_asgi.outward import READ, DirectTransport, Incoming, RawHeaders, connection_of
from policyroute_asgi.provider_connections import Connection, Contexts

_Way = Mapping[str, Any]
_NO_WAY: _Way = {}


class AiohttpTransport(DirectTransport):
    """`session` is called on the first request, on the loop it belongs to; the transport closes what it returns.

    One session goes every way: it keeps connections apart by proxy and SSL context, which `contexts` makes.
    """

    def __init__(self, session: Callable[[], aiohttp.ClientSession], contexts: Contexts) -> None:
        self._make = session
        self._session: aiohttp.ClientSession | None = None
        self._contexts = contexts
        self._wire: Wire | None = None

    async def send(self, outbound: Outbound, connect: float, connection: Connection | None = None) -> Incoming:
        """Raises aiohttp.ClientError."""
        timeout = _timeout(connect, connect, None)
        if connection is None:
            wire = self._wire or self._opened()
            return await wire.send(outbound, timeout)
        headers = CIMultiDict(outbound.headers)
        way = await self._way(connection, outbound.url, headers)
        response = await self._request(outbound.method, outbound.url, headers, outbound.body, timeout, way)
        return _Answer(response)

    def _opened(self) -> Wire:
        session = self._session = self._session or self._make()
        assert session.connector is not None
        self._wire = Wire(session.connector)
        return self._wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.TransportError, whose cause is aiohttp's."""
        limits = request.extensions.get("timeout", {})
        headers = CIMultiDict([(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw])
        timeout = _timeout(limits.get("connect"), limits.get("pool"), limits.get("read"))
        connection = connection_of(request)
        way = _NO_WAY if connection is None else await self._way(connection, str(request.url), headers)
        body = await request.aread()
        try:
            response = await self._request(request.method, str(request.url), headers, body, timeout, way)
        except aiohttp.ClientError as error:
            _translate(error)
        return httpx.Response(
            response.status, headers=response.raw_headers, stream=_Body(response), request=request, extensions={}
        )

    async def _way(self, connection: Connection, url: str, headers: CIMultiDict[str]) -> _Way:
        """How aiohttp is told. The proxy's password is for who asks for a tunnel, else it goes with the request."""
        way: dict[str, Any] = {"ssl": await self._contexts.of(connection)}
        if not connection.proxy:
            return way
        way["proxy"] = connection.proxy
        if connection.proxy_auth is not None:
            login = {"Proxy-Authorization": f"Basic {b64encode(connection.proxy_auth.encode()).decode()}"}
            if url.lower().startswith("https:"):
                way["proxy_headers"] = login
            else:
                headers.update(login)
        return way

    def _request(  # noqa: PLR0913, PLR0917 - a request has these parts
        self,
        method: str,
        url: str,
        headers: CIMultiDict[str],
        body: bytes,
        timeout: aiohttp.ClientTimeout,
        way: _Way,
    ) -> Awaitable[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = self._make()
        return self._session.request(
            method,
            url,
            data=body or None,
            headers=headers,
            allow_redirects=False,
            timeout=timeout,
            **way,
        )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


class _Answer:
    """aiohttp's response as an answer. `read` is its own: what has arrived, in pieces that are not too large."""

    __slots__ = ("_response", "headers", "read", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: RawHeaders = response.raw_headers
        self.read = partial(response.content.read, READ)

    async def close(self) -> None:
        self._response.release()


class _Body(httpx.AsyncByteStream):
    """The same as httpx's stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.read(READ)
        except aiohttp.ClientError as error:
            _translate(error)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        # An answer that was not read to its end takes its connection with it.
        self._response.release()


@lru_cache(maxsize=256)
def _timeout(connect: float | None, pool: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(sock_connect=connect, connect=pool, sock_read=read)


def _translate(error: aiohttp.ClientError) -> NoReturn:
    raise httpx.TransportError(type(error).__name__) from error
