"""A server on a real socket that is nothing but connections, with an app whose behaviour is in the path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from tests.support.wire import PATIENCE, Wire
from uvicorn.server import ServerState

from policyroute_asgi.connections import ConnectionLimits, Connections

LIMITS = ConnectionLimits(connections=100, closing=0.3, sweep=0.02)


@dataclass
class Seen:
    """A request as the app has it."""

    scope: Scope
    body: bytes = b""

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.scope["headers"]}


@dataclass
class Site:
    """`begun` has the requests that the app was given, `ended` counts those that it is done with. `go` lets
    `/wait` answer; `patience` is the app's with bodies, seconds."""

    connections: Connections
    begun: list[Seen] = field(default_factory=list[Seen])
    ended: int = 0
    _news: asyncio.Queue[str] = field(default_factory=asyncio.Queue[str])
    go: asyncio.Event = field(default_factory=asyncio.Event)
    patience: float | None = None
    port: int = 0

    _wires: list[Wire] = field(default_factory=list[Wire])

    async def connect(self, receive_buffer: int | None = None) -> Wire:
        wire = await Wire.open(self.port, receive_buffer)
        self._wires.append(wire)
        return wire

    async def aclose(self) -> None:
        self.go.set()
        self.connections.abort()
        for wire in self._wires:
            await wire.aclose()
        await self.until(lambda: not self.connections.open)

    async def hears(self, *news: str) -> None:
        """What comes next of the app: `begins /path`, `ends /path` unless it failed."""
        async with asyncio.timeout(PATIENCE):
            assert [await self._news.get() for _ in news] == list(news)

    async def until(self, happened: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not happened():  # noqa: ASYNC110 - what others do on this loop, within a few steps of it
                await asyncio.sleep(0.001)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = Seen(scope)
        self.begun.append(seen)
        path = scope["path"]
        self._news.put_nowait(f"begins {path}")
        await self._answer(path, seen, receive, send)
        self.ended += 1
        self._news.put_nowait(f"ends {path}")

    async def _answer(self, path: str, seen: Seen, receive: Receive, send: Send) -> None:
        if path == "/early":
            await _say(send, 401, b"who are you?")
            return
        try:
            async with asyncio.timeout(self.patience):
                if not await _take(seen, receive):
                    return
        except TimeoutError:
            await _say(send, 408, b"too slow")
            return
        if path == "/flood":
            await _flood(send, receive)
        elif path == "/unframed":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for word in (b"one ", b"two ", b"three"):
                await send({"type": "http.response.body", "body": word, "more_body": word != b"three"})
        elif path == "/wait":
            await self.go.wait()
            await _say(send, 200, path.encode())
        elif path == "/half":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            await self.go.wait()
            await send({"type": "http.response.body", "body": b"two"})
        elif path == "/large":
            await _say(send, 200, b"x" * 20_000_000)
        else:
            await _say(send, 200, path.encode())


async def _take(seen: Seen, receive: Receive) -> bool:
    """The body. False where the client is gone."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        seen.body += message["body"]
        more = message["more_body"]
    return True


async def _say(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _flood(send: Send, receive: Receive) -> None:
    """An answer without end, until the client is gone."""
    gone = asyncio.ensure_future(receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not gone.done():
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await asyncio.sleep(0)  # to a client that is gone nothing is written, so nothing is waited for
    assert gone.result()["type"] == "http.disconnect"


@asynccontextmanager
async def serving(**changes: Any) -> AsyncGenerator[Site]:
    site = Site(Connections(replace(LIMITS, **changes)))
    config = uvicorn.Config(site.app, interface="asgi3", proxy_headers=False, log_config=None, access_log=False)
    config.load()
    make = partial(site.connections.protocol, config, ServerState(), {})
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    watch = asyncio.create_task(site.connections.watch())
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        assert watch.cancel()  # nothing that came has ended it
        server.close()
        await site.aclose()


Serving = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}  # as `serve` has it


@pytest.fixture
def serve() -> Serving:
    """Serves with these of the limits changed."""
    return serving
