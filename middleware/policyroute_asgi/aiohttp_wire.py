"""One request over one of aiohttp's connections, written in one go.

Rule of this module: connections, TLS and the reading of answers stay aiohttp's; only the request is written here. Its
session does that too, for every kind of body, redirect and cookie there may be, and takes more CPU for it than all
else that a request costs.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache, partial

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader
from aiohttp.tracing import Trace
from yarl import URL

from policyroute.exchange.payload import Outbound
from policyroute_asgi.outward import READ, RawHeaders

_FIRST_FINAL = 200
_SWITCHING = 101


class Connector(aiohttp.TCPConnector):
    """Hands out no connection on which something came that nobody had asked for: a second answer, sent along or later,
    would be taken for the answer to the next request, which may be another tenant's. aiohttp looks for that only when a
    connection is given back."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()


class Wire:
    """Requests without a proxy, over the connections of one connector."""

    def __init__(self, connector: aiohttp.BaseConnector) -> None:
        self._connector = connector
        self._place = lru_cache(maxsize=1024)(self._made)

    async def send(self, outbound: Outbound, limits: aiohttp.ClientTimeout) -> Answer:
        """The head of the answer has come. Raises aiohttp.ClientError and OSError."""
        place = self._place(outbound.method, outbound.url)
        head = place.head(outbound)
        try:
            connection = await self._connector.connect(place.request, [], limits)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        try:
            return await _asked(connection, place.request, head, outbound.body)
        except BaseException:
            connection.close()
            raise

    def _made(self, method: str, url: str) -> _Place:
        try:
            parsed = URL(url)
        except ValueError as error:
            raise aiohttp.InvalidURL(url) from error
        if parsed.scheme not in self._connector.allowed_protocol_schema_set:
            raise aiohttp.NonHttpUrlClientError(url)
        return _Place(aiohttp.ClientRequest(method, parsed, loop=asyncio.get_running_loop()))


class _Place:
    """What requests to one URL have in common. `request` is never sent: it tells the connector where to."""

    __slots__ = ("_start", "request")

    def __init__(self, request: aiohttp.ClientRequest) -> None:
        self.request = request
        host = request.headers["Host"]
        self._start = f"{request.method} {request.url.raw_path_qs} HTTP/1.1\r\nHost: {host}\r\n"

    def head(self, outbound: Outbound) -> bytes:
        """Raises ValueError for a header that would be more than one."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in outbound.headers])
        count = len(outbound.headers)
        if lines.count("\r") != count or lines.count("\n") != count or "\0" in lines:
            raise ValueError("a header holds a line end or a NUL")
        return f"{self._start}{lines}Content-Length: {len(outbound.body)}\r\n\r\n".encode()


async def _asked(connection: Connection, request: aiohttp.ClientRequest, head: bytes, body: bytes) -> Answer:
    protocol = connection.protocol
    if protocol is None or protocol.transport is None:
        raise aiohttp.ClientConnectionResetError("closed as soon as it was made")
    protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=READ)
    protocol.transport.writelines((head, body))
    message, content = await _head(protocol, request)
    return Answer(message, content, connection)


async def _head(protocol: ResponseHandler, request: aiohttp.ClientRequest) -> tuple[RawResponseMessage, StreamReader]:
    """Informational answers come before the one that counts."""
    while True:
        try:
            message, content = await protocol.read()
        except HttpProcessingError as error:
            raise aiohttp.ClientResponseError(request.request_info, (), status=error.code) from error
        if message.code >= _FIRST_FINAL or message.code == _SWITCHING:
            return message, content


class Answer:
    """An `Incoming`. `read` is aiohttp's own: what has arrived, in pieces that are not too large."""

    __slots__ = ("_connection", "_content", "headers", "read", "status")

    def __init__(self, message: RawResponseMessage, content: StreamReader, connection: Connection) -> None:
        self._connection = connection
        self._content = content
        self.status: int = message.code
        self.headers: RawHeaders = message.raw_headers
        self.read = partial(content.read, READ)
        content.on_eof(connection.release)

    async def close(self) -> None:
        """An answer that was not read to its end takes its connection with it."""
        self._connection.release()
        if isinstance(error := self._content.exception(), BaseException):
            error.__traceback__ = None  # whose frames know `_content`, which keeps it: a cycle, left to the collector
