"""Performs one attempt: builds the request, sends it, and tells the state machine what comes of it.

Rule of this module: whatever a provider does becomes a `Received` or a `Failed`. Nothing it sends raises, and nothing
is read without a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from policyroute.changes import Change
from policyroute.decide.decision import Candidate, Excluded, Hop
from policyroute.decide.resolved import DEFAULT_RESUME, ResolvedResume
from policyroute.dialects import DIALECTS, Dialect, StreamReader
from policyroute.dialects.amendments import NOTHING, Amender, Amendments, amended
from policyroute.dialects.sent import resumed
from policyroute.dialects.translated import Translated
from policyroute.dialects.translation import Frame
from policyroute.events import Broken, StreamEvent
from policyroute.exchange.carrying import Carried
from policyroute.exchange.commands import Attempt, Failed, Open, Received
from policyroute.exchange.payload import build
from policyroute.exchange.resume import Addition
from policyroute.exchange.seam import Seam
from policyroute.failures import Failure, FailureKind
from policyroute.request import ModelRequest
from policyroute_asgi.access import Access
from policyroute_asgi.inflate import plain
from policyroute_asgi.outward import Incoming, Sender, whole
from policyroute_asgi.resting import Caution
from policyroute_asgi.rooms import FULL, Rooms
from policyroute_asgi.secrets import Key
from policyroute_asgi.trouble import TRANSPORT_ERRORS, failure_of
from policyroute_asgi.work import Ongoing

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

Tell = Callable[[Received | Failed], Awaitable[bool]]
"""Takes what an attempt has to say. False: nobody wants to hear more of it."""


class Upstream:
    """The attempts of one request.

    `hop_of` asks the rules about a candidate now; `access` has the keys; `rooms` is told of each attempt that is open;
    `caution` knows who is better left alone. An answer that is told to the client by us is called `answer_id`, of
    [A-Za-z0-9]. `resume` says how one attempt is told of what another did, `ongoing` what there is to tell. `hop`,
    `adapted`, `lost` and `max_tokens` are the last attempt's.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one name for each thing that an attempt needs
        self,
        request: ModelRequest,
        hop_of: Callable[[Candidate], Hop],
        access: Access,
        sender: Sender,
        rooms: Rooms,
        answer_id: str,
        resume: ResolvedResume = DEFAULT_RESUME,
        ongoing: Ongoing | None = None,
        caution: Caution | None = None,
    ) -> None:
        self.hop: Hop | None = None
        self.adapted: tuple[Change, ...] = ()
        self.lost: set[str] = set()
        self.max_tokens: int | None = None
        self._answer_id = answer_id
        self._request = request
        self._hop_of = hop_of
        self._access = access
        self._sender = sender
        self._rooms = rooms
        self._caution = caution
        self._key: Key | None = None
        self._resume = resume
        self._ongoing = ongoing

    def eligible(self, candidate: Candidate, now: float) -> Excluded | Failure | None:
        """What the state machine asks before each attempt. The hop and the key are kept for the attempt itself."""
        self.hop = self._hop_of(candidate)
        key = self._usable(candidate, self.hop)
        if isinstance(key, Failure | Excluded):
            return key
        if self._caution is not None:
            cooling = self._caution.passed_over(candidate, key, lambda other: self._usable(other, self._hop_of(other)))
            if cooling is not None:
                return cooling
        self._key = key
        return None

    def _usable(self, candidate: Candidate, hop: Hop) -> Key | Excluded | Failure | None:
        if hop.excluded is not None:
            return hop.excluded
        return FULL if self._rooms.full(candidate) else self._access.pick(candidate)

    def begun(self) -> None:
        """The first of an answer goes to the client."""
        if self._caution is not None:
            self._caution.begun()

    def ended(self, outcome: str, failure: Failure | None) -> None:
        """What the state machine says when an attempt is over, before it asks for another."""
        if self._caution is not None:
            self._caution.ended(failure, ok=outcome == "ok")

    @property
    def key(self) -> str | None:
        """Where the key is from that the last attempt goes with."""
        return self._key.place if self._key is not None else None

    def has_other_key(self, candidate: Candidate) -> bool:
        """What the state machine asks where a key failed."""
        return self._access.has_other(candidate)

    async def run(self, opened: Open, tell: Tell) -> None:
        """Perform one attempt to its end. Cancelling it closes the connection."""
        candidate = opened.attempt.candidate
        key = self._key
        self._rooms.opened(candidate)
        self._access.opened(candidate, key)
        try:
            await self._attempt(opened, key, tell)
        finally:
            self._access.closed(candidate, key)
            self._rooms.closed(candidate)

    async def _attempt(self, opened: Open, key: Key | None, tell: Tell) -> None:
        if key is None or key.grant is None:
            await self._ask(opened, key, key.value if key is not None else None, tell)
            return
        candidate = opened.attempt.candidate
        for again in (True, False):
            given = await self._access.token(candidate, key)
            if isinstance(given, Failure):
                await tell(Failed(opened.id, self._access.learn(candidate, key, given)))
                return
            # A token may end before its time, and that is not the account's fault.
            if await self._ask(opened, key, given.value, tell, outlived=again and not given.waited):
                return
            self._access.refused(key, given)

    async def _ask(
        self, opened: Open, key: Key | None, shown: str | None, tell: Tell, *, outlived: bool = False
    ) -> bool:
        """`shown` is what the provider sees of the key. With `outlived`, a refusal of it is not told: False."""
        assert self.hop is not None, "a hop is asked for before each attempt"
        candidate = opened.attempt.candidate
        provider = candidate.provider
        # Learnt before it is told: the next attempt may begin with the telling.
        learn = partial(self._access.learn, candidate, key)
        secrets = (shown,) if shown is not None else ()
        attempt = opened.attempt
        addition = self._addition(attempt)
        payload = build(self._request, self.hop, shown, addition)
        self.adapted, self.lost, self.max_tokens = payload.changes, set(), payload.max_tokens
        connection = self._access.connection(candidate)
        try:
            answer = plain(await self._sender.send(payload.outbound, opened.attempt.connect, connection))
        except TRANSPORT_ERRORS as error:
            await tell(Failed(opened.id, failure_of(error, answered=False)))
            return True
        dialect = DIALECTS[provider.dialect]
        try:
            if answer.status == 401 and outlived:
                return False
            if not 200 <= answer.status < 300:
                await tell(Failed(opened.id, learn(await _failure(answer, dialect, secrets))))
            elif self._request.stream:
                reader, seam = self._reader(dialect, secrets, payload.told, attempt.carried)
                mark = SEAM if seam is not None and self._request.dialect not in _NO_COMMENTS else b""
                await _stream(opened.id, answer, reader, seam, mark, learn, tell)
            else:
                await tell(await self._json(opened.id, answer, dialect, secrets, payload.told, learn))
        except TRANSPORT_ERRORS as error:
            await tell(Failed(opened.id, failure_of(error, answered=True)))
        finally:
            await answer.close()
        return True

    def _addition(self, attempt: Attempt) -> Addition | None:
        """What the attempt is told beyond the request: nearly every first one nothing."""
        ongoing = self._ongoing
        first = attempt.number == 1 and attempt.handover is None
        if first and (ongoing is None or not ongoing.resumes):
            return None
        return Addition(attempt, self._resume, ongoing.work() if ongoing is not None else None)

    def _reader(
        self, dialect: Dialect, secrets: Secrets, told: Amendments | None, carried: Carried | None
    ) -> tuple[StreamReader, Seam | None]:
        reader = dialect.stream(secrets)
        if told is None and carried is None:
            return reader, None
        client, amender = DIALECTS[self._request.dialect], Amender(told or NOTHING)
        if carried is None:
            writer = client.writer(self.frame())
            self.lost = writer.lost
            return Translated(reader, writer, amender), None
        seam = Seam(carried)
        writer = resumed(client.writer(self.frame()), carried.sent)
        self.lost = writer.lost
        return Translated(reader, writer, amender, seam, summed=seam.summed), seam

    async def _json(  # noqa: PLR0913, PLR0917 - an answer is read with all of these
        self, id: int, answer: Incoming, dialect: Dialect, secrets: Secrets, told: Amendments | None, learn: Learn
    ) -> Received | Failed:
        body = await whole(answer, MAX_ANSWER)
        if body is None:
            return Failed(id, Failure(FailureKind.UNAVAILABLE, "The provider's answer is too large.", answer.status))
        request = self._request
        if told is None:
            events = _learnt(dialect.answer(body, secrets, request), learn)
        else:
            everything = dialect.name == request.dialect
            events = dialect.answer(body, secrets, request, everything=everything)
            events = _learnt(amended(events, told), learn)
            body, self.lost = DIALECTS[request.dialect].whole(events, self.frame())
        return Received(id, events, body, end=True, status=answer.status)

    @property
    def input_tokens(self) -> int:
        """About as many as the request has."""
        return self._request.input_tokens

    def frame(self) -> Frame:
        """What we tell answers with."""
        request = self._request
        return Frame(self._answer_id, request.model, int(request.time), request)


async def _stream(  # noqa: PLR0913, PLR0917 - a stream is read with all of these
    id: int, answer: Incoming, reader: StreamReader, seam: Seam | None, mark: bytes, learn: Learn, tell: Tell
) -> None:
    status = answer.status
    while chunk := await answer.read():
        events, raw = reader.feed(chunk)
        if raw and mark:
            raw, mark = mark + raw, b""
        if reader.complete:
            await tell(Received(id, _learnt([*events, *reader.end()], learn), raw + reader.tail, True, status))
            await _drain(answer)
            return
        said = seam is not None and seam.holds
        if not await tell(Received(id, _learnt(events, learn), raw, False, status, said)):
            return
    await tell(Received(id, _learnt(reader.end(), learn), reader.tail, True, status))


def _learnt(events: list[StreamEvent], learn: Learn) -> list[StreamEvent]:
    if events and isinstance(last := events[-1], Broken):
        events[-1] = Broken(learn(last.failure))
    return events


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
            page = await whole(answer, MAX_ERROR) or b""
    except TRANSPORT_ERRORS:
        page = b""
    return dialect.failure(answer.status, headers, page, time.time(), secrets)
