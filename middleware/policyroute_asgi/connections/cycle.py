"""One request's answer on its way to the client: uvicorn's cycle, with a `send` of its own.

Rule of this module: a head goes out with the first part of its body, and nothing in it can be taken for more than one
header. uvicorn writes the head alone, and looks through each header by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, cast

from uvicorn._types import ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_LENGTH: Final = b"\r\ncontent-length: "
_CODING: Final = b"\r\ntransfer-encoding: "
_CONNECTION: Final = b"\r\nconnection: "
_FRAMING: Final = frozenset({_LENGTH, _CODING, _CONNECTION})
_CONTROLS: Final = bytes({*range(32), 127} - {ord("\t")})
"""What no header may hold. Two of them end each line."""
_TIMEOUT: Final = 408
"""What did not come in time is not waited for any longer."""
_BODILESS: Final = frozenset({204, 304})


class Cycle(RequestResponseCycle):
    """Its transport is the connection, which closes in order. A body without a length is sent in chunks; HTTP/1.0 knows
    none: there it ends with the connection.
    """

    _begun = b""
    """A head that waits for its body."""
    _endless = False
    """Nothing says how long the body is but its end."""

    def __init__(self, connection: HttpToolsProtocol) -> None:
        """A cycle of the request whose head `connection` has read. Whether it is the last one is for others to say."""
        super().__init__(
            scope=connection.scope,
            transport=cast("asyncio.Transport", connection),
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=False,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=connection.on_response_complete,
        )

    async def send(self, message: ASGISendEvent) -> None:
        """Raises RuntimeError for what is no answer, as uvicorn does."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started and message["type"] == "http.response.start":
            self._start(message)
        elif self.response_started and not self.response_complete and message["type"] == "http.response.body":
            self._go_on(message)
        else:
            raise RuntimeError(f"{message['type']} is not what comes next in an answer")

    def _start(self, message: HTTPResponseStartEvent) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        status = message["status"]
        if status == _TIMEOUT:
            self.keep_alive = False
        lines = [STATUS_LINE[status][:-2]]
        closes = self._add(self.default_headers, lines)
        closes = self._add(message.get("headers", ()), lines) or closes
        if not (self.keep_alive or closes):
            lines += (b"\r\nconnection: ", b"close")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _BODILESS:
            self._endless = self.scope["http_version"] == "1.0"
            self.chunked_encoding = not self._endless
            if self.chunked_encoding:
                lines += (b"\r\ntransfer-encoding: ", b"chunked")
        lines.append(b"\r\n\r\n")
        head = b"".join(lines)
        if len(head) - len(head.translate(None, _CONTROLS)) != len(lines) + 2:
            raise RuntimeError("a header holds a control character")
        self._begun = head

    def _add(self, headers: Iterable[tuple[bytes, bytes]], lines: list[bytes]) -> bool:
        """Whether one of these headers closes the connection."""
        closes = False
        for name, value in headers:
            start = _start_of(name)
            lines += (start, value)
            if start in _FRAMING:
                if start == _CONNECTION:
                    closes = closes or b"close" in [token.strip() for token in value.lower().split(b",")]
                elif start == _LENGTH and self.chunked_encoding is None:
                    self.expected_content_length = int(value)
                    self.chunked_encoding = False
                elif start == _CODING and value.lower() == b"chunked":
                    self.expected_content_length = 0
                    self.chunked_encoding = True
        self.keep_alive = self.keep_alive and not closes
        return closes

    def _go_on(self, message: HTTPResponseBodyEvent) -> None:
        body = message.get("body", b"")
        more = message.get("more_body", False)
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            body = b""
        elif self.chunked_encoding:
            body = _chunk(body, last=not more)
        elif not self._endless:
            self.expected_content_length -= len(body)
        if self.expected_content_length < 0:
            raise RuntimeError("the body is longer than its content-length")
        if self._begun:
            self.transport.writelines((self._begun, body))
            self._begun = b""
        elif body:
            self.transport.write(body)
        if not more:
            self._end()

    def _end(self) -> None:
        if self.expected_content_length:
            raise RuntimeError("the body is shorter than its content-length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


@lru_cache(maxsize=256)
def _start_of(name: bytes) -> bytes:
    """What a header of this name begins with."""
    if HEADER_RE.search(name):
        raise RuntimeError("that is no name of a header")
    return b"\r\n" + name.lower() + b": "


def _chunk(body: bytes, *, last: bool) -> bytes:
    end = b"0\r\n\r\n" if last else b""
    return b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
