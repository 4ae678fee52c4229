"""An httpx transport that runs an ASGI app in process and streams: each body message as it is sent, with back-pressure.

Rule of this module: the app sees what it would behind a server. A caller that closes the answer early is a client that
hung up: `receive` says so, and the app's task is cancelled. An app that crashes is a server whose connection broke.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx
from starlette.types import ASGIApp

Message = MutableMapping[str, Any]


class ASGITransport(httpx.AsyncBaseTransport):
    """Requests of any URL go to `app`. The lifespan is not run."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._calls: set[_Call] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.ConnectError where the app ends or crashes before it answers."""
        call = _Call(await request.aread())
        self._calls.add(call)
        call.run(self._app, _scope(request)).add_done_callback(lambda _: self._calls.discard(call))
        try:
            start = await call.started
        except BaseException:
            await call.aclose()
            raise
        return httpx.Response(
            status_code=start["status"], headers=list(start.get("headers", ())), stream=_Body(call), request=request
        )

    async def aclose(self) -> None:
        for call in tuple(self._calls):
            await call.aclose()


class _Call:
    """One run of the app: its two channels, and the task it runs in."""

    def __init__(self, body: bytes) -> None:
        self.started: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        # One chunk in hand and no more: the app waits until the caller has taken the last one.
        self.chunks: asyncio.Queue[bytes | httpx.ReadError | None] = asyncio.Queue(maxsize=1)
        self._body: bytes | None = body
        self._gone = asyncio.Event()
        self._complete = False
        self._task: asyncio.Task[None] | None = None

    def run(self, app: ASGIApp, scope: Message) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._run(app, scope), name="policyroute-in-process")
        return self._task

    async def aclose(self) -> None:
        self._gone.set()
        if self._task is None or self._complete:
            return  # what an app does after its answer is its own affair
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self, app: ASGIApp, scope: Message) -> None:
        trouble = "the app ended without a complete answer"
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - the app is the peer, and its crash is the peer's
            trouble = f"the app raised {type(error).__name__}"
        if self._complete:
            return
        if not self.started.done():
            self.started.set_exception(httpx.ConnectError(trouble))
        else:
            await self.chunks.put(httpx.ReadError(trouble))

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            raise OSError("the caller has closed the answer")
        if message["type"] == "http.response.start":
            self.started.set_result(message)
        elif message["type"] == "http.response.body":
            body: bytes = message.get("body", b"")
            if body:
                await self.chunks.put(body)
            if not message.get("more_body", False):
                self._complete = True
                await self.chunks.put(None)


class _Body(httpx.AsyncByteStream):
    def __init__(self, call: _Call) -> None:
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self._call.chunks.get()) is not None:
            if isinstance(chunk, httpx.ReadError):
                raise chunk
            yield chunk

    async def aclose(self) -> None:
        await self._call.aclose()


def _scope(request: httpx.Request) -> Message:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 0),
        "server": (url.host or "embedded", url.port),
        "state": {},
    }
