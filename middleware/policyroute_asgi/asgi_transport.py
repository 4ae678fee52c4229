"""An ASGI app as a transport of httpx, or of httpx2, its fork with the same interface: each piece of an answer comes as
the app sends it.

Rule of this module: it translates and adds nothing; `in_process` runs the app. The caller's timeouts hold as they would
over a socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from functools import cache
from typing import Any, TypeVar

import httpx
from starlette.types import ASGIApp

from policyroute_asgi.in_process import AppFailed, Call, Message

_T = TypeVar("_T")


def asgi_transport(app: ASGIApp, library: Any = httpx) -> Any:
    """An `AsyncBaseTransport` of `library` (the module httpx or httpx2) that sends requests of any URL to `app`.

    The lifespan is not run. A request raises the library's ConnectError where the app ends or crashes before it
    answers, its ReadTimeout where the app is silent for longer than the request's `read` timeout.
    """
    return _transports(library)(app)


@cache
def _transports(library: Any) -> type[Any]:
    """The transport class over this library's base classes."""
    body = _bodies(library)

    class AppTransport(library.AsyncBaseTransport):  # type: ignore[misc]
        def __init__(self, app: ASGIApp) -> None:
            self._app = app
            self._calls: set[Call] = set()

        async def handle_async_request(self, request: Any) -> Any:
            patience = request.extensions.get("timeout", {}).get("read")
            call = Call(self._app, _scope(request), await request.aread())
            self._calls.add(call)
            call.task.add_done_callback(lambda _: self._calls.discard(call))
            try:
                start = await _within(patience, call.start())
            except BaseException as error:  # noqa: BLE001 - the caller gave up, or the app failed: the call is over
                await call.aclose()
                raise _translated(error, library) from None
            headers = list(start.get("headers", ()))
            return library.Response(start["status"], headers=headers, stream=body(call, patience), request=request)

        async def aclose(self) -> None:
            for call in tuple(self._calls):
                await call.aclose()

    return AppTransport


def _bodies(library: Any) -> type[Any]:
    class Body(library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, call: Call, patience: float | None) -> None:
            self._call = call
            self._patience = patience

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                while chunk := await _within(self._patience, self._call.read()):
                    yield chunk
            except (AppFailed, TimeoutError) as error:
                raise _translated(error, library) from None

        async def aclose(self) -> None:
            await self._call.aclose()

    return Body


def _translated(error: BaseException, library: Any) -> BaseException:
    if isinstance(error, AppFailed):
        kind: type[BaseException] = library.ReadError if error.answered else library.ConnectError
        return kind(str(error))
    if isinstance(error, TimeoutError):
        silent: BaseException = library.ReadTimeout("the app does not answer")
        return silent
    return error


async def _within(patience: float | None, wanted: Awaitable[_T]) -> _T:
    if patience is None:
        return await wanted
    async with asyncio.timeout(patience):
        return await wanted


def _scope(request: Any) -> Message:
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
