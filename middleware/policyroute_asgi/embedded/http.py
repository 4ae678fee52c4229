"""What the embedded provider needs of ASGI: bodies in, heads and bytes out.

Rule of this module: it knows nothing of models.
"""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Receive, Send

from policyroute import BadRequest

Headers = list[tuple[bytes, bytes]]

JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream; charset=utf-8"
_LARGEST: Final = 64 * 1024 * 1024


async def read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise BadRequest("too_large", "The body is too large.", 413)
        if not message.get("more_body", False):
            return b"".join(parts)


async def silence(receive: Receive) -> None:
    """Nothing more, until the client has enough of it."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def begin(send: Send, status: int, kind: bytes, more: Headers | None = None) -> None:
    headers = [(b"content-type", kind), *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def say(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def end(send: Send, body: bytes = b"") -> None:
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def whole(send: Send, status: int, body: bytes, more: Headers | None = None) -> None:
    """A JSON answer."""
    await begin(send, status, JSON, [length(body), *(more or [])])
    await end(send, body)


def length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)


async def lifespan(receive: Receive, send: Send) -> None:
    message: Message = {"type": ""}
    while message["type"] != "lifespan.shutdown":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
