"""The way to providers, as one attempt sees it: a request out, its answer in pieces.

Rule of this module: any httpx transport will do. One that can do without httpx's request and response has `send` of its
own: making these objects costs as much as the sending.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import lru_cache
from typing import Final, Protocol

import httpx

from policyroute.exchange.payload import Outbound
from policyroute_asgi.provider_connections import Connection
from policyroute_asgi.trouble import TRANSPORT_ERRORS

READ: Final = 32_768
"""Bytes of an answer that are taken at once: while a client does not take them, they are held several times over."""

RawHeaders = Sequence[tuple[bytes, bytes]]


class Incoming(Protocol):
    """A provider's answer, whose head has come. `headers` are as they came."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> RawHeaders: ...

    async def read(self) -> bytes:
        """What has arrived, READ bytes at most, or nothing at the end. Raises TRANSPORT_ERRORS."""
        ...

    async def close(self) -> None:
        """An answer that was not read to its end takes its connection with it."""
        ...


class Sender(Protocol):
    async def send(self, outbound: Outbound, connect: float, connection: Connection | None = None) -> Incoming:
        """`connect` is seconds, to wait for a connection; `connection` how to make it, None as usual. Raises
        TRANSPORT_ERRORS."""
        ...


async def whole(answer: Incoming, limit: int) -> bytes | None:
    """All of it, None where it is longer than `limit`. Raises TRANSPORT_ERRORS."""
    parts: list[bytes] = []
    size = 0
    while chunk := await answer.read():
        size += len(chunk)
        if size > limit:
            return None
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class DirectTransport(httpx.AsyncBaseTransport, ABC):
    """An httpx transport that is a sender too."""

    @abstractmethod
    async def send(self, outbound: Outbound, connect: float, connection: Connection | None = None) -> Incoming: ...


def sender(transport: httpx.AsyncBaseTransport) -> Sender:
    """The shortest way through this transport."""
    return transport if isinstance(transport, DirectTransport) else _Through(transport)


class _Through:
    """Any httpx transport."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(self, outbound: Outbound, connect: float, connection: Connection | None = None) -> Incoming:
        request = _request(outbound, connect)
        if connection is not None:
            request = connected(request, connection)
        return HttpxAnswer(await self._transport.handle_async_request(request))


_CONNECTION: Final = "policyroute.connection"


def connection_of(request: httpx.Request) -> Connection | None:
    """How the connection for this request is to be made, for transports that have more than one way."""
    found = request.extensions.get(_CONNECTION)
    return found if isinstance(found, Connection) else None


def connected(request: httpx.Request, connection: Connection) -> httpx.Request:
    """The request, with its connection to be made in this way."""
    request.extensions[_CONNECTION] = connection
    return request


class HttpxAnswer:
    """An httpx response as an answer."""

    def __init__(self, response: httpx.Response) -> None:
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        self.status = response.status_code
        self.headers: RawHeaders = response.headers.raw
        self._stream = stream
        self._chunks: AsyncIterator[bytes] = aiter(stream)

    async def read(self) -> bytes:
        async for chunk in self._chunks:
            if chunk:
                return chunk
        return b""

    async def close(self) -> None:
        chunks: object = self._chunks
        try:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
            await self._stream.aclose()
        except TRANSPORT_ERRORS:
            pass  # it is closed all the same


def _request(outbound: Outbound, connect: float) -> httpx.Request:
    """Handing over a stream and headers keeps httpx from working both out anew, which costs more than all else here."""
    url, host = _url(outbound.url)
    headers = [("host", host), *outbound.headers, ("content-length", str(len(outbound.body)))]
    request = httpx.Request(
        outbound.method,
        url,
        headers=headers,
        stream=httpx.ByteStream(outbound.body),
        extensions={"timeout": {"connect": connect, "pool": connect}},
    )
    request.read()
    return request


@lru_cache(maxsize=1024)
def _url(text: str) -> tuple[httpx.URL, str]:
    """Parsing costs as much as sending: a provider's URL and its Host header are made once."""
    url = httpx.URL(text)
    return url, url.netloc.decode("ascii")
