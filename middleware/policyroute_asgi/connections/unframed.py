"""Answers to clients of HTTP/1.0, which knows no chunks; uvicorn sends them all the same.

Rule of this module: a body without a length ends with the connection.
"""

from __future__ import annotations

import sys

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def unframed(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """The app, as `cycle` has to run it for such a client."""
    told = True

    async def answered(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def sending(message: ASGISendEvent) -> None:
            nonlocal told
            if message["type"] == "http.response.start":
                told = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
                if not told:
                    cycle.chunked_encoding = False
                    cycle.expected_content_length = sys.maxsize
            elif message["type"] == "http.response.body" and not told and not message.get("more_body", False):
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, sending)

    return answered
