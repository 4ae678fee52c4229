"""What goes back to the client of one request: head, bytes, and errors in its own dialect.

Rule of this module: nothing is sent before the answer is committed, and a stream that fails never looks complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.types import Message, Receive, Send

from policyroute.changes import Change
from policyroute.decide.decision import Denial
from policyroute.dialects import ClientError, Voice
from policyroute.failures import Failure, FailureKind
from policyroute.record import ExchangeRecord
from policyroute_asgi.client_side import Answer
from policyroute_asgi.sessions import Sitting

_MOST_ADAPTED = 50
"""Changes that a header lists: the record has all of them."""

_JSON = (b"content-type", b"application/json")
_EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Reply:
    """The `ClientSide` of an exchange, and the way to tell of errors without one.

    `status` is what the client was told, None as long as that is open; `failed` the stable code of the error it was
    told of, if any, or `client_closed` where it could not be told. `full`: say which target answers, after how many
    attempts, and in which conversation: `sitting`, as far as the `record` knows. `estimate` is set where tokens are
    counted: what is said if no provider can be asked.
    """

    __slots__ = (
        "_complete",
        "_receive",
        "_send",
        "decision_id",
        "estimate",
        "failed",
        "full",
        "headers",
        "record",
        "sitting",
        "status",
        "stream",
        "voice",
    )

    def __init__(self, receive: Receive, send: Send, voice: Voice, request_id: str) -> None:
        self._receive = receive
        self._send = send
        self.voice = voice
        self._complete = False
        self.status: int | None = None
        self.failed: str | None = None
        self.stream = False
        self.full = False
        self.estimate: int | None = None
        self.sitting: Sitting | None = None
        self.record: ExchangeRecord | None = None
        self.decision_id = ""
        self.headers = [(b"x-request-id", request_id.encode())]

    def add(self, name: bytes, value: str) -> None:
        """A header of ours, for whatever comes."""
        self.headers.append((name, value.encode("latin-1", "replace")))

    async def commit(self, answer: Answer) -> None:
        if self.full:
            self.add(b"x-policyroute-target", answer.attempt.candidate.target)
            self.add(b"x-policyroute-attempts", str(answer.attempt.number))
            if answer.adapted:
                self.add(b"x-policyroute-adapted", _listed(answer.adapted))
            if self.sitting is not None and self.record is not None:
                words = self.sitting.words(answer.attempt.candidate, self.record)
                if words:
                    self.add(b"x-policyroute-session", words)
        hop = answer.hop
        if hop.set_response_headers or hop.remove_response_headers:
            self._change(hop.set_response_headers, hop.remove_response_headers)
        verdict = answer.verdict
        if verdict is not None and verdict.headers and not self.stream:
            self._change(verdict.set_headers, verdict.remove_headers)

    async def send(self, raw: bytes, *, more: bool) -> None:
        if not self.stream:
            await self.json(raw)
            return
        if self.status is None:
            self.status = 200
            await self._put({"type": "http.response.start", "status": 200, "headers": _EVENTS + self.headers})
        self._complete = not more
        try:  # as in `_put`, which would be one more coroutine for each read
            await self._send({"type": "http.response.body", "body": raw, "more_body": more})
        except (OSError, RuntimeError) as error:
            raise self._lost(error) from error

    async def fail(self, failure: Failure) -> None:
        if self.estimate is not None and failure.kind is not FailureKind.INVALID_REQUEST:
            await self.estimated(self.estimate)
            return
        await self.error(ClientError.of_failure(failure, self.decision_id))

    async def deny(self, denial: Denial) -> None:
        await self.error(ClientError.of_denial(denial.status, denial.code, denial.message, self.decision_id))

    async def estimated(self, tokens: int) -> None:
        """A count of tokens that is no provider's."""
        if self.full:
            self.add(b"x-policyroute-adapted", "estimated")
        await self.json(self.voice.token_count(tokens))

    async def _put(self, message: Message) -> None:
        """Raises OSError where the client is gone."""
        try:
            await self._send(message)
        except (OSError, RuntimeError) as error:
            lost = self._lost(error)
            if message["type"] == "http.response.start":
                self.status = None
            raise lost from error

    def _lost(self, error: OSError | RuntimeError) -> ConnectionResetError:
        # uvloop's word for a connection that its client has closed.
        if isinstance(error, RuntimeError) and "the handler is closed" not in str(error):
            raise error
        self.failed = "client_closed"
        return ConnectionResetError()

    async def hung_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def error(self, error: ClientError) -> None:
        """An HTTP error where nothing was sent yet, else an event that makes the client's SDK raise; no end marker.
        Nothing where the answer is complete."""
        if self._complete:
            return
        self.failed = error.code
        if self.status is None:
            self.headers += [(name.encode(), value.encode()) for name, value in error.headers()]
            await self.json(self.voice.error_body(error), error.status)
        elif self.stream:
            self._complete = True
            await self._put({"type": "http.response.body", "body": self.voice.error_event(error)})

    async def json(self, body: bytes, status: int = 200) -> None:
        """A whole answer."""
        self.status = status
        self._complete = True
        length = (b"content-length", b"%d" % len(body))
        await self._put({"type": "http.response.start", "status": status, "headers": [_JSON, length, *self.headers]})
        await self._put({"type": "http.response.body", "body": body})

    def _change(self, given: Mapping[str, str], gone: Iterable[str]) -> None:
        """The `response_headers` effect. Names are lower-case, and none of those that a policy may not touch."""
        names = {name.encode() for name in (*gone, *given)}
        self.headers = [header for header in self.headers if header[0] not in names]
        self.headers += [(name.encode(), value.encode()) for name, value in given.items()]


def _listed(changes: Iterable[Change]) -> str:
    words = list(dict.fromkeys(map(str, changes)))
    return ", ".join(words[:_MOST_ADAPTED])
