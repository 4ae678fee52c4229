"""Performs one attempt: builds the request, sends it, and tells the state machine what comes of it.

Rule of this module: whatever a provider does becomes a `Received` or a `Failed`. Nothing it sends raises, and nothing
is read without a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from policyroute.decide.decision import Candidate, Excluded, Hop
from policyroute.decide.state import Place
from policyroute.dialects import DIALECTS, Dialect, StreamReader
from policyroute.exchange.commands import Failed, Open, Received
from policyroute.exchange.payload import build
from policyroute.failures import Failure, FailureKind
from policyroute.request import ModelRequest
from policyroute_asgi.inflate import plain
from policyroute_asgi.outward import Incoming, Sender
from policyroute_asgi.trouble import TRANSPORT_ERRORS, failure_of

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one JSON answer."""
MAX_ERROR = 256 * 1024
"""Bytes of an error answer: a larger one is judged by its status alone."""
ERROR_PATIENCE = 5.0
"""Seconds for the rest of an error answer, likewise."""
DRAIN = 0.2
"""Seconds to wait for the end of an answer that is complete."""

Secrets = tuple[str, ...]

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
        sender: Sender,
        open_attempts: dict[Place, int],
    ) -> None:
        self.hop: Hop | None = None
        self._request = request
        self._hop_of = hop_of
        self._keys = keys
        self._sender = sender
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
        provider = opened.attempt.candidate.provider
        key = self._keys.get(provider.name)
        try:
            answer = plain(await self._sender.send(build(self._request, self.hop, key), opened.attempt.connect))
        except TRANSPORT_ERRORS as error:
            await tell(Failed(opened.id, failure_of(error, answered=False)))
            return
        dialect = DIALECTS[provider.dialect]
        secrets = (key,) if key else ()
        try:
            if not 200 <= answer.status < 300:
                await tell(Failed(opened.id, await _failure(answer, dialect, secrets)))
            elif self._request.stream:
                await _stream(opened.id, answer, dialect.stream(secrets), tell)
            else:
                await tell(await _json(opened.id, answer, dialect, secrets, self._request))
        except TRANSPORT_ERRORS as error:
            await tell(Failed(opened.id, failure_of(error, answered=True)))
        finally:
            await answer.close()


async def _json(
    id: int, answer: Incoming, dialect: Dialect, secrets: Secrets, request: ModelRequest
) -> Received | Failed:
    body = await _whole(answer, MAX_ANSWER)
    if body is None:
        return Failed(id, Failure(FailureKind.UNAVAILABLE, "The provider's answer is too large.", answer.status))
    return Received(id, dialect.answer(body, secrets, request), body, end=True, status=answer.status)


async def _stream(id: int, answer: Incoming, reader: StreamReader, tell: Tell) -> None:
    status = answer.status
    while chunk := await answer.read():
        events, raw = reader.feed(chunk)
        if reader.complete:
            await tell(Received(id, [*events, *reader.end()], raw + reader.tail, True, status))
            await _drain(answer)
            return
        if not await tell(Received(id, events, raw, False, status)):
            return
    await tell(Received(id, reader.end(), reader.tail, True, status))


async def _drain(answer: Incoming) -> None:
    """A connection is kept for the next request only if its answer was read to the end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            while await answer.read():
                pass


async def _failure(answer: Incoming, dialect: Dialect, secrets: Secrets) -> Failure:
    """An error page that breaks off or does not end is still an error with its status."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    try:
        async with asyncio.timeout(ERROR_PATIENCE):
            page = await _whole(answer, MAX_ERROR) or b""
    except TRANSPORT_ERRORS:
        page = b""
    return dialect.failure(answer.status, headers, page, time.time(), secrets)


async def _whole(answer: Incoming, limit: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while chunk := await answer.read():
        size += len(chunk)
        if size > limit:
            return None
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)
