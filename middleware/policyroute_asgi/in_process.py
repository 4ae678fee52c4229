"""An ASGI app called in process: one request in, its answer in pieces as they are sent, with back-pressure.

Rule of this module: the app sees what it would behind a server. A caller that closes the answer early is a client that
hung up: `receive` says so, and the app's task is cancelled. An app that crashes is a server whose connection broke.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final

from starlette.types import ASGIApp

Message = MutableMapping[str, Any]

_HUNG_UP: Final = "the caller has closed the answer"


def is_hung_up(error: asyncio.CancelledError) -> bool:
    """Whether an app's task was cancelled because its caller has closed the answer."""
    return error.args == (_HUNG_UP,)


class AppFailed(Exception):
    """The app ended or crashed without a complete answer. `answered`: it had begun one."""

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


class Call:
    """One run of an app: its two channels, and the task it runs in."""

    def __init__(self, app: ASGIApp, scope: Message, body: bytes) -> None:
        self._started: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        # One chunk in hand and no more: the app waits until the caller has taken the last one.
        self._chunks: asyncio.Queue[bytes | AppFailed | None] = asyncio.Queue(maxsize=1)
        self._body: bytes | None = body
        self._gone = asyncio.Event()
        self._complete = False
        self.task = asyncio.create_task(self._run(app, scope), name="policyroute-in-process")

    async def start(self) -> Message:
        """The head of the answer (`http.response.start`). Raises AppFailed."""
        return await self._started

    async def read(self) -> bytes:
        """The next piece, or nothing at the end. Raises AppFailed."""
        chunk = await self._chunks.get()
        if isinstance(chunk, AppFailed):
            raise chunk
        return chunk or b""

    async def aclose(self) -> None:
        self._gone.set()
        if self._complete:
            return  # what an app does after its answer is its own affair
        self.task.cancel(_HUNG_UP)
        await asyncio.wait([self.task])

    async def _run(self, app: ASGIApp, scope: Message) -> None:
        trouble = "the app ended without a complete answer"
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - the app is the peer, and its crash is the peer's
            trouble = f"the app raised {type(error).__name__}"
        if self._complete:
            return
        if not self._started.done():
            self._started.set_exception(AppFailed(trouble, answered=False))
        else:
            await self._chunks.put(AppFailed(trouble, answered=True))

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            raise OSError(_HUNG_UP)
        if message["type"] == "http.response.start":
            self._started.set_result(message)
        elif message["type"] == "http.response.body":
            body: bytes = message.get("body", b"")
            if body:
                await self._chunks.put(body)
            if not message.get("more_body", False):
                self._complete = True
                await self._chunks.put(None)
