"""Performs one attempt: builds the request, sends it, and tells the state machine what comes of it.

Rule of this module: whatever a provider does becomes a `Received` or a `Failed`. Nothing it sends raises, and nothing
is read without a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from functools import lru_cache

import httpx

from policyroute.decide.decision import Candidate, Excluded, Hop
from policyroute.decide.state import Place
from policyroute.dialects import DIALECTS, StreamReader
from policyroute.exchange.commands import Failed, Open, Received
from policyroute.exchange.payload import Outbound, build
from policyroute.failures import Failure, FailureKind
from policyroute.request import ModelRequest
from policyroute_asgi.trouble import TRANSPORT_ERRORS, failure_of

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one JSON answer."""
MAX_ERROR = 256 * 1024
"""Bytes of an error answer: a larger one is judged by its status alone."""
ERROR_PATIENCE = 5.0
"""Seconds for the rest of an error answer, likewise."""
DRAIN = 0.2
"""Seconds to wait for the end of an answer that is complete."""

Chunks = AsyncIterator[bytes]

Tell = Callable[[Received | Failed], Awaitable[bool]]
"""Takes what an attempt has to say. False: nobody wants to hear more of it."""


class Upstream:
    """The attempts of one request.

    `hop_of` asks the rules about a candidate now; `keys` are the providers' secrets by provider name; `open_attempts`
    is counted up while an attempt is open. `hop` is the last attempt's.
    """

    def __init__(
        self,
        request: ModelRequest,
        hop_of: Callable[[Candidate], Hop],
        keys: Mapping[str, str],
        transport: httpx.AsyncBaseTransport,
        open_attempts: dict[Place, int],
    ) -> None:
        self.hop: Hop | None = None
        self._request = request
        self._hop_of = hop_of
        self._keys = keys
        self._transport = transport
        self._open = open_attempts

    def eligible(self, candidate: Candidate, now: float) -> Excluded | None:
        """What the state machine asks before each attempt. The hop is kept for the attempt itself."""
        self.hop = self._hop_of(candidate)
        return self.hop.excluded

    async def run(self, opened: Open, tell: Tell) -> None:
        """Perform one attempt to its end. Cancelling it closes the connection."""
        candidate = opened.attempt.candidate
        place = (candidate.target, candidate.provider.name)
        self._open[place] = self._open.get(place, 0) + 1
        try:
            await self._attempt(opened, tell)
        finally:
            self._open[place] -= 1
            if not self._open[place]:
                del self._open[place]

    async def _attempt(self, opened: Open, tell: Tell) -> None:
        assert self.hop is not None, "a hop is asked for before each attempt"
        key = self._keys.get(opened.attempt.candidate.provider.name)
        outbound = build(self._request, self.hop, key)
        try:
            response = await self._transport.handle_async_request(_request(outbound, opened.attempt.connect))
        except TRANSPORT_ERRORS as error:
            await tell(Failed(opened.id, failure_of(error, answered=False)))
            return
        chunks = _chunks(response)
        try:
            await self._read(opened, response, chunks, tell)
        except TRANSPORT_ERRORS as error:
            await tell(Failed(opened.id, failure_of(error, answered=True)))
        finally:
            await _close(response, chunks)

    async def _read(self, opened: Open, response: httpx.Response, chunks: Chunks, tell: Tell) -> None:
        provider = opened.attempt.candidate.provider
        dialect = DIALECTS[provider.dialect]
        status = response.status_code
        if not httpx.codes.is_success(status):
            page = await _error_page(chunks)
            secrets = (self._keys.get(provider.name, ""),)
            await tell(Failed(opened.id, dialect.failure(status, _headers(response), page, time.time(), secrets)))
        elif self._request.stream:
            await _stream(opened.id, status, chunks, dialect.stream(), tell)
        else:
            body = await _whole(chunks, MAX_ANSWER)
            if body is None:
                large = Failure(FailureKind.UNAVAILABLE, "The provider's answer is too large.", status)
                await tell(Failed(opened.id, large))
            else:
                await tell(Received(opened.id, dialect.answer(body), body, end=True, status=status))


async def _stream(id: int, status: int, chunks: Chunks, reader: StreamReader, tell: Tell) -> None:
    async for chunk in chunks:
        events, raw = reader.feed(chunk)
        if reader.complete:
            await tell(Received(id, [*events, *reader.end()], raw + reader.tail, end=True, status=status))
            await _drain(chunks)
            return
        if not await tell(Received(id, events, raw, status=status)):
            return
    events = reader.end()
    await tell(Received(id, events, reader.tail, end=True, status=status))


async def _drain(chunks: Chunks) -> None:
    """A connection is kept for the next request only if its answer was read to the end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            async for _ in chunks:
                pass


async def _error_page(chunks: Chunks) -> bytes:
    """An error page that breaks off or does not end is still an error with its status."""
    try:
        async with asyncio.timeout(ERROR_PATIENCE):
            return await _whole(chunks, MAX_ERROR) or b""
    except TRANSPORT_ERRORS:
        return b""


async def _whole(chunks: Chunks, limit: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            return None
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _chunks(response: httpx.Response) -> Chunks:
    """The body as it comes: one item an upstream read. Encoded only where a provider does not do as it was asked."""
    for name, _ in response.headers.raw:
        if name.lower() == b"content-encoding":
            return response.aiter_bytes()
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    return aiter(stream)


async def _close(response: httpx.Response, chunks: Chunks) -> None:
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    try:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
        await stream.aclose()
    except TRANSPORT_ERRORS:
        pass  # it is closed all the same


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


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
