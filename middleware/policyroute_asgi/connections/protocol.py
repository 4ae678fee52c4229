"""One client's connection: uvicorn's, held to limits, strict about what a request is, and ended in order.

Rule of this module: a request costs it no timer and no clock. What takes time is noticed by `check`, which somebody
calls now and then, and requests are told apart by the objects that uvicorn makes for each.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import httptools
from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from policyroute.dialects import ClientError
from policyroute_asgi.connections import refusals
from policyroute_asgi.connections.cycle import Cycle
from policyroute_asgi.connections.heads import TUNNEL, WATCHED, Head, tell, without_offer
from policyroute_asgi.connections.limits import ConnectionLimits
from policyroute_asgi.connections.phase import Phase
from policyroute_asgi.connections.progress import Progress

_LAST_WORDS: Final = 64
"""Connections beyond the limit that may stay open until their client has read why."""


_BETWEEN, _HEAD, _BODY, _DEAF = Phase.BETWEEN, Phase.HEAD, Phase.BODY, Phase.DEAF


class _NotHeard(Exception):
    """Ends the parser's run: what follows is not looked at."""


@dataclass(slots=True)
class Terms:
    """What all connections of a server go by. `linger` is None until the server retires."""

    limits: ConnectionLimits
    linger: float | None = None
    retired_at: float = 0.0
    open: set[Connection] = field(default_factory=set["Connection"])
    refused: Counter[str] = field(default_factory=Counter[str])


class Connection(HttpToolsProtocol):
    """Requests are answered one after the other; a cycle that is not `keep_alive` is the connection's last one."""

    __slots__ = (
        "_fault", "_head", "_mark", "_phase", "_progress", "_room", "_running", "_since", "_stays", "_terms", "_until",
        "write", "writelines",
    )  # fmt: skip
    parser: httptools.HttpRequestParser
    app: ASGI3Application

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        terms: Terms,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._terms = terms
        self._phase = _BETWEEN
        self._fault: ClientError | None = None
        self._room = terms.limits.head  # bytes that may come before anything comes of them
        self._running: RequestResponseCycle | None = None
        self._stays = True
        self._mark: object = None  # what was waited for at the last check, since when
        self._since = self.loop.time()
        self._progress: Progress | None = None  # of the client, as long as there is something for it to take
        self._until: float | None = None  # our last byte is written; when to close whatever the client does

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.write, self.writelines = transport.write, transport.writelines
        terms = self._terms
        terms.open.add(self)
        beyond = len(terms.open) - terms.limits.connections
        if beyond > 0:
            self._refuse(refusals.CROWDED)
            if beyond > _LAST_WORDS:
                transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._terms.open.discard(self)
        self._phase = _DEAF
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True  # uvicorn tells the newest request, which may be one that waits
            running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)
        self.cycle = self._running = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if len(data) <= self._room and self._phase is not _DEAF:
            self._feed(data)
            return
        left = memoryview(data)
        while left and self._phase is not _DEAF:
            piece = left[: self._room]
            left = left[len(piece) :]
            self._feed(piece)
        self._room -= len(left)
        if self._room <= 0:
            self.flow.pause_reading()

    # The end: a cycle closes what it takes for its transport, which is this.

    def close(self) -> None:
        """End the connection: after what is written comes the end of it; what the client still sends is thrown away
        until it closes its side, for a moment. A plain close would reset it under an answer not yet read."""
        if self.is_closing():
            return
        limits = self._terms.limits
        self._phase = _DEAF
        self.pipeline.clear()
        self._until = self.loop.time() + limits.closing
        self._room = limits.drain
        self.transport.write_eof()
        self.flow.resume_reading()

    def is_closing(self) -> bool:
        return self._until is not None or self.transport.is_closing()

    def shutdown(self) -> None:
        """No request after the present one, whose answer says so if it has not begun."""
        self._stays = False
        cycle = self.cycle
        if cycle and not cycle.response_started:
            cycle.keep_alive = False
            if self._phase is not _BODY:
                self._phase = _DEAF

    def check(self, now: float) -> None:
        """Hold the connection to its limits in time; `now` is the loop's."""
        if self.transport.get_write_buffer_size():
            self._check_reader(now)
            return
        self._progress = None
        cycle = self.cycle
        if self._until is not None:
            if now >= self._until:
                self.transport.close()
        elif not cycle or cycle.response_complete:
            mark = self.headers if self._phase is _HEAD and cycle else cycle
            if mark is not self._mark:
                self._mark, self._since = mark, now
            elif self._phase is _BETWEEN:
                self._check_idle(now, new=not cycle)
            elif now - self._since >= self._terms.limits.head_seconds:
                self._refuse(refusals.TOO_SLOW)

    def _check_idle(self, now: float, *, new: bool) -> None:
        """`new`: it never had a request."""
        terms = self._terms
        allowed = terms.limits.head_seconds if new else terms.limits.keep_alive
        since = self._since
        if terms.linger is not None:
            allowed = min(allowed, terms.linger)
            since = max(since, terms.retired_at)
        if now - since >= allowed:
            self.close()

    def _check_reader(self, now: float) -> None:
        if self._until is not None:
            self._until = now + self._terms.limits.closing
        if self._progress is None:
            self._progress = Progress(self.transport, now)
        elif self._progress.stuck(now) >= self._terms.limits.unread:
            self._terms.refused["not_read"] += 1
            self.transport.abort()

    # What is read

    def _feed(self, piece: bytes | memoryview) -> None:
        """Parse at most `_room` bytes."""
        phase, cycle = self._phase, self.cycle
        body = len(cycle.body) if phase is _BODY else 0
        size = len(piece)
        try:
            while True:
                try:
                    self.parser.feed_data(piece)
                    break
                except httptools.HttpParserUpgrade as offer:
                    head = without_offer(self.parser.get_method(), self.url, self.headers)
                    self.parser = httptools.HttpRequestParser(self)
                    self.parser.feed_data(head)
                    piece = piece[offer.args[0] :]
        except httptools.HttpParserError:
            if self._phase is not _DEAF:
                self._refuse(self._fault or refusals.UNREADABLE)
            return
        if self._phase is _BETWEEN or self.cycle is not cycle or self._phase is _DEAF:
            return
        if self._phase is _BODY and (not self._head.chunked or len(cycle.body) != body):
            self._room = self._terms.limits.head
        elif self._phase is phase or phase is _BETWEEN:
            self._room -= size
            if self._room <= 0:
                self._refuse(refusals.TOO_LARGE)

    def on_message_begin(self) -> None:
        if self._phase is _DEAF:
            raise _NotHeard
        super().on_message_begin()
        self._phase = _HEAD
        self._room = self._terms.limits.head
        self._head = Head()

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in WATCHED and self._phase is _HEAD:  # in a trailer it says nothing
            self._head.note(name, value)
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        head, limits = self._head, self._terms.limits
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if head.offered and method != TUNNEL and self.parser.should_upgrade():
            return  # it is read again without the offer
        current = version == "1.1"
        self._fault = head.fault(method, version, self.url, many=len(self.headers) > limits.headers)
        if self._fault is not None:
            raise _NotHeard
        tell(self.scope, method, self.url, version)
        cycle = self._begin()
        self._phase = _BODY
        self._room = limits.head
        self.headers = []  # trailers are no headers: uvicorn would add them to those that the app has
        stays = current and self.parser.should_keep_alive() and self._terms.linger is None
        self._stays = stays and len(self.pipeline) < limits.pipelined
        # An answer that comes before the body is complete says whether the rest will be waited for.
        cycle.keep_alive = self._stays and not (head.chunked or head.length > limits.drain or head.awaits_continue)
        cycle.waiting_for_100_continue = head.awaits_continue and current

    def _begin(self) -> Cycle:
        before, cycle = self.cycle, Cycle(self)
        self.cycle = cycle
        if not before or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))
        return cycle

    def on_message_complete(self) -> None:
        if self._phase is _HEAD:
            return  # of the offer
        cycle = self.cycle
        if not cycle.response_started:
            cycle.keep_alive = self._stays
        self._phase = _BETWEEN if cycle.keep_alive else _DEAF
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase is _DEAF:
            self.close()
        else:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _refuse(self, error: ClientError) -> None:
        """Answer for the app. Where earlier answers are under way the connection ends after those, without a word."""
        self._terms.refused[error.code] += 1
        cycle, silent = self.cycle, self.is_closing()
        if self._phase is _BODY:  # it is the newest request that is at fault
            silent = silent or cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
            if self.pipeline:
                self.pipeline.popleft()
        self._phase = _DEAF
        last = self.pipeline[0][0] if self.pipeline else self._running
        if last is not None and not (last.response_complete or last.disconnected):
            last.keep_alive = last.response_started and last.keep_alive
            return
        if not silent:
            self.write(refusals.answer(error))
        self.close()
