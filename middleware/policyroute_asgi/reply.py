"""What goes back to the client of one request: head, bytes, and errors in its own dialect.

Rule of this module: nothing is sent before the answer is committed, and a stream that fails never looks complete.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from policyroute.dialects import ClientError, Dialect

Send = Callable[[dict[str, Any]], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_EVENTS: RawHeaders = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_FRAMING = frozenset(
    {"content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "x-request-id"}
)
"""Headers that no rule sets or removes: they say how to read the answer, or are ours."""


class Reply:
    """`status` is what the client was told, None as long as that is open."""

    __slots__ = ("_dialect", "_send", "headers", "status", "stream")

    def __init__(self, send: Send, dialect: Dialect, request_id: str) -> None:
        self._send = send
        self._dialect = dialect
        self.status: int | None = None
        self.stream = False
        self.headers: RawHeaders = [(b"x-request-id", request_id.encode())]

    def add(self, name: bytes, value: str) -> None:
        """A header of ours for whatever comes."""
        self.headers.append((name, value.encode("latin-1", "replace")))

    def apply(self, set_: Mapping[str, str], remove: Iterable[str]) -> None:
        """The `response_headers` effect. Names are lower-case, values printable ASCII."""
        if not set_ and not remove:
            return
        gone = {name.encode() for name in (*remove, *set_) if name not in _FRAMING}
        self.headers = [header for header in self.headers if header[0] not in gone]
        self.headers += [(name.encode(), value.encode()) for name, value in set_.items() if name not in _FRAMING]

    async def json(self, body: bytes, status: int = 200) -> None:
        """A whole answer."""
        self.status = status
        length = (b"content-length", b"%d" % len(body))
        await self._send({"type": "http.response.start", "status": status, "headers": [_JSON, length, *self.headers]})
        await self._send({"type": "http.response.body", "body": body})

    async def event(self, data: bytes) -> None:
        """Part of a stream: whole events, in one ASGI message. The first sends the head."""
        if self.status is None:
            self.status = 200
            await self._send({"type": "http.response.start", "status": 200, "headers": _EVENTS + self.headers})
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """The stream is complete."""
        await self._send({"type": "http.response.body", "body": b""})

    async def error(self, error: ClientError) -> None:
        """An HTTP error where nothing was sent yet, else an event that makes the client's SDK raise; no end marker."""
        if self.status is None:
            self.headers += [(name.encode(), value.encode()) for name, value in error.headers()]
            await self.json(self._dialect.error_body(error), error.status)
        else:
            await self._send({"type": "http.response.body", "body": self._dialect.error_event(error)})
