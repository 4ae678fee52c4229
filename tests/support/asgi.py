"""A raw ASGI caller: what a server sends an app and what the app answers, message by message, nothing buffered.

And `serving`: the same app behind a real uvicorn socket, on the caller's own event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import uvicorn
from starlette.types import ASGIApp, Receive, Send
from tests.support.written import WRITTEN

Message = MutableMapping[str, Any]
HeaderPairs = Iterable[tuple[str, str]]

PATIENCE = 15.0
"""Seconds after which a test stops waiting for what should have come at once."""


@dataclass
class Answer:
    """What came back. `chunks` is one entry per body message, empty ones included."""

    messages: list[Message] = field(default_factory=list[Message])

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        return [(bytes(name), bytes(value)) for name, value in self.messages[0]["headers"]]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self.raw_headers}

    @property
    def chunks(self) -> list[bytes]:
        return [bytes(message.get("body", b"")) for message in self.messages[1:]]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


class Call:
    """One open ASGI call. `sent` hands out the app's messages as they come; `hang_up` is the client leaving."""

    def __init__(self, app: ASGIApp, scope: Message, incoming: Iterable[Message]) -> None:
        self.answer = Answer()
        self._path = str(scope.get("path", ""))
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        for message in incoming:
            self._incoming.put_nowait(message)
        self.task = asyncio.ensure_future(app(scope, self._incoming.get, self._send))

    async def _send(self, message: Message) -> None:
        self.answer.messages.append(message)
        self.sent.put_nowait(message)

    def give(self, message: Message) -> None:
        self._incoming.put_nowait(message)

    def hang_up(self) -> None:
        self.give({"type": "http.disconnect"})

    async def next(self) -> Message:
        """The app's next message. If the app ends in an exception instead, that."""
        waiting = asyncio.ensure_future(self.sent.get())
        await asyncio.wait({waiting, self.task}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        if not self.task.done():
            raise TimeoutError("the app sent nothing")
        self.task.result()
        raise EOFError("the app ended without another message")

    async def finish(self) -> Answer:
        await asyncio.wait_for(self.task, PATIENCE)
        if self._path and self.answer.messages:
            WRITTEN.answer(self._path, self.answer.status, self.answer.raw_headers, self.answer.body)
        return self.answer


def http_scope(method: str, url: str, headers: HeaderPairs = (), client: str = "127.0.0.1") -> Message:
    parts = urlsplit(url)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": (client, 50000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


def body_messages(body: bytes | Iterable[bytes]) -> list[Message]:
    chunks = [body] if isinstance(body, bytes) else list(body)
    return [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]


def call(app: ASGIApp, method: str, url: str, body: bytes | Iterable[bytes] = b"", headers: HeaderPairs = ()) -> Call:
    """Begin a request from 127.0.0.1. The client stays on the line until `hang_up`."""
    return Call(app, http_scope(method, url, headers), body_messages(body))


async def ask(
    app: ASGIApp, method: str, url: str, body: bytes | Iterable[bytes] = b"", headers: HeaderPairs = ()
) -> Answer:
    """A request from its first byte to its last."""
    return await call(app, method, url, body, headers).finish()


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncGenerator[dict[str, Any]]:
    """Startup and shutdown as a server does them; yields the lifespan's state. Raises where startup fails."""
    state: dict[str, Any] = {}
    running = Call(
        app, {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}, [{"type": "lifespan.startup"}]
    )
    first = await running.next()
    if first["type"] != "lifespan.startup.complete":
        await asyncio.wait({running.task}, timeout=PATIENCE)
        running.task.exception()  # an app may raise what it has said: that says no more
        raise RuntimeError(first.get("message", ""))
    try:
        yield state
    finally:
        running.give({"type": "lifespan.shutdown"})
        await running.next()
        await running.finish()


def _overheard(app: ASGIApp) -> ASGIApp:
    """The app, with what it answers looked at as in `Call`."""

    async def answering(scope: Message, receive: Receive, send: Send) -> None:
        answer = Answer()

        async def sending(message: Message) -> None:
            answer.messages.append(message)
            await send(message)

        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        try:
            await app(scope, receive, sending)
        finally:
            if answer.messages:
                WRITTEN.answer(scope["path"], answer.status, answer.raw_headers, answer.body)

    return answering


@asynccontextmanager
async def serving(app: ASGIApp, *, ours: bool = True, **options: Any) -> AsyncGenerator[str]:
    """The app behind uvicorn on a free port of 127.0.0.1; yields its base URL. What an app that is not `ours` says may
    hold keys."""
    config = uvicorn.Config(
        _overheard(app) if ours else app, host="127.0.0.1", port=0, log_config=None, access_log=False, **options
    )
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server._serve())  # pyright: ignore[reportPrivateUsage]
    while not server.started:
        if task.done():
            task.result()
            raise RuntimeError("the server did not start")
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
