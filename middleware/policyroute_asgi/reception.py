"""What comes of one attempt's answer: read through the provider's dialect, and told to whoever runs the exchange.

Rule of this module: whatever a provider says becomes a `Received` or a `Failed`, and nothing is read without a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from policyroute.absent import Absent
from policyroute.dialects import DIALECTS, StreamReader
from policyroute.dialects.amendments import NOTHING, Amender, amended
from policyroute.dialects.sent import resumed
from policyroute.dialects.translated import Translated
from policyroute.dialects.translation import Frame
from policyroute.divergence import Watch
from policyroute.events import Broken, StreamEvent
from policyroute.exchange.circling import Circling
from policyroute.exchange.commands import Failed, Open, Received, Withheld
from policyroute.exchange.seam import Seam
from policyroute.failures import Failure, FailureKind
from policyroute.request import ModelRequest
from policyroute_asgi.beside import beside
from policyroute_asgi.crossing import Sending
from policyroute_asgi.moderating import Said
from policyroute_asgi.outward import Incoming, whole
from policyroute_asgi.trouble import TRANSPORT_ERRORS

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one JSON answer."""
MAX_ERROR = 256 * 1024
"""Bytes of an error answer: a larger one is judged by its status alone."""
ERROR_PATIENCE = 5.0
"""Seconds for the rest of an error answer, likewise."""
DRAIN = 0.2
"""Seconds to wait for the end of an answer that is complete."""

SEAM = b": another attempt goes on from here\n\n"
"""A comment in a stream, which no client shows."""
_NO_COMMENTS = frozenset({"gemini"})
"""Whose SDK takes a comment for JSON (google-genai 3.6)."""

Secrets = tuple[str, ...]

Learn = Callable[[Failure], Failure]
"""What a failure means for the key, and as what it is to be told."""

Tell = Callable[[Received | Failed | Withheld], Awaitable[bool]]
"""Takes what an attempt has to say. False: nobody wants to hear more of it."""


class Reception:
    """Of one attempt, which was sent as `sending`. What is told to the client by us is in this `frame`. `lost` is what
    the client's dialect has no words for, as it comes. `secrets` are shown to nobody. `watch`: what is done where a
    streamed answer repeats itself.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one name for each thing that an answer is read with
        self,
        opened: Open,
        request: ModelRequest,
        secrets: Secrets,
        sending: Sending,
        frame: Callable[[], Frame],
        learn: Learn,
        watch: Watch,
    ) -> None:
        self.lost: set[str] = set()
        self._watch = watch
        self._circling: Circling | None = None
        self._id = opened.id
        self._candidate = opened.attempt.candidate
        self._carried = carried = opened.attempt.carried
        self._request = request
        self._dialect = DIALECTS[self._candidate.provider.dialect]
        self._secrets = secrets
        self._treatment = sending.treatment
        self._moderated = sending.moderated
        self._said = Said(carried.text if carried is not None else "") if sending.moderated is not None else None
        told = sending.payload.told
        self._told = told or NOTHING if self._treatment is not None and self._treatment.tells else told
        self._frame = frame
        self._learn = learn

    @property
    def circled(self) -> bool:
        """Whether the answer repeats itself without end."""
        return self._circling is not None and self._circling.found

    async def hear(self, answer: Incoming, tell: Tell) -> None:
        """To its end, or until nobody wants more. Raises TRANSPORT_ERRORS."""
        if not 200 <= answer.status < 300:
            await tell(Failed(self._id, self._learn(await self._failure(answer))))
        elif self._request.stream:
            await self._stream(answer, tell)
        else:
            await tell(await self._json(answer))

    def _reader(self) -> tuple[StreamReader, Seam | None]:
        reader = self._dialect.stream(self._secrets)
        treatment = self._treatment
        form = self._request.response_format if self._watch.react else None
        if form is not None and (isinstance(form, Absent) or form.type == "text"):
            reader = self._circling = Circling(reader, self._watch)
        if treatment is not None:
            reader = treatment.heard(reader)
        stages = treatment.stages() if treatment is not None else []
        told, carried = self._told, self._carried
        if told is None and carried is None:
            return reader, None
        client, amender = DIALECTS[self._request.dialect], Amender(told or NOTHING)
        writer = client.writer(self._frame())
        if carried is None:
            self.lost = writer.lost
            return Translated(reader, writer, *stages, amender), None
        seam = Seam(carried)
        writer = resumed(writer, carried.sent)
        self.lost = writer.lost
        return Translated(reader, writer, *stages, amender, seam, summed=seam.summed), seam

    async def _stream(self, answer: Incoming, tell: Tell) -> None:
        id, status, learnt, heard = self._id, answer.status, self._learnt, self._said
        reader, seam = self._reader()
        mark = SEAM if seam is not None and self._request.dialect not in _NO_COMMENTS else b""
        while chunk := await answer.read():
            events, raw = reader.feed(chunk)
            if raw and mark:
                raw, mark = mark + raw, b""
            if reader.complete:
                await tell(await self._end([*events, *reader.end()], raw + reader.tail, status))
                await _drain(answer)
                return
            if heard is not None:
                heard.add(events)
            said = seam is not None and seam.holds
            if not await tell(Received(id, learnt(events), raw, False, status, said)):
                return
        await tell(await self._end(reader.end(), reader.tail, status))

    async def _end(self, events: list[StreamEvent], raw: bytes, status: int) -> Received:
        """The last of an answer, and what whoever moderates it says of the whole. One that broke off is none."""
        events = self._learnt(events)
        denied = None
        if self._moderated is not None and self._said is not None and not (events and isinstance(events[-1], Broken)):
            self._said.add(events)
            denied = await self._moderated.answer(self._candidate, self._said)
        return Received(self._id, events, raw, end=True, status=status, denied=denied)

    async def _json(self, answer: Incoming) -> Received | Failed:
        body = await whole(answer, MAX_ANSWER)
        if body is None:
            message = "The provider's answer is too large."
            return Failed(self._id, Failure(FailureKind.UNAVAILABLE, message, answer.status))
        if self._treatment is not None:
            treated = await beside(partial(self._treatment.whole, body), len(body))
            if isinstance(treated, Failure):
                return Failed(self._id, treated)
            body = treated
        request, dialect = self._request, self._dialect
        if self._told is None:
            events = dialect.answer(body, self._secrets, request)
        else:
            everything = dialect.name == request.dialect
            events = dialect.answer(body, self._secrets, request, everything=everything)
            events = amended(events, self._told)
            body, self.lost = DIALECTS[request.dialect].whole(events, self._frame())
        return await self._end(events, body, answer.status)

    def _learnt(self, events: list[StreamEvent]) -> list[StreamEvent]:
        if events and isinstance(last := events[-1], Broken):
            events[-1] = Broken(self._learn(last.failure))
        return events

    async def _failure(self, answer: Incoming) -> Failure:
        """An error page that breaks off or does not end is still an error with its status."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
        try:
            async with asyncio.timeout(ERROR_PATIENCE):
                page = await whole(answer, MAX_ERROR) or b""
        except TRANSPORT_ERRORS:
            page = b""
        return self._dialect.failure(answer.status, headers, page, time.time(), self._secrets)


async def _drain(answer: Incoming) -> None:
    """A connection is kept for the next request only if its answer was read to the end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            while await answer.read():
                pass
