"""Reads a request's body from ASGI, within its limits.

Rule of this module: what cannot be served is refused before it is read, and nothing is read beyond the limit, or waited
for without one. A body that is there at once, as most are, costs no timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from policyroute.request import BadRequest

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Room(Protocol):
    """Memory that all bodies share. `hold` raises where there is none left."""

    def hold(self, size: int) -> None: ...
    def release(self, size: int) -> None: ...


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """`size` in bytes. A body may stop coming for `pause` seconds; all of it has as long, and a second more for every
    `rate` bytes that have come."""

    size: int
    pause: float = 30.0
    rate: int = 4096


async def read_json_body(receive: Receive, headers: Mapping[bytes, bytes], limits: BodyLimits, room: Room) -> bytes:
    """The whole body, which is JSON by its headers. `headers` names are lower-case. It has `room` while it comes.

    Raises BadRequest (413 body_too_large, 415 unsupported_media_type or unsupported_encoding, 408 body_timeout),
    ClientGone, and what `room` raises.
    """
    _acceptable(headers)
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limits.size:
        raise _too_large(limits.size)
    begun = _Begun(receive())
    message = begun.result
    if message is None or message["type"] != "http.request" or message.get("more_body", False):
        return await _read_on(begun, receive, limits, room)
    body: bytes = message.get("body", b"")
    if len(body) > limits.size:
        raise _too_large(limits.size)
    return body


async def _read_on(begun: Awaitable[Any], receive: Receive, limits: BodyLimits, room: Room) -> bytes:
    now = asyncio.get_running_loop().time
    start = last = now()
    body = bytearray()
    coming = begun
    try:
        while True:
            try:
                async with asyncio.timeout_at(min(last, start + len(body) / limits.rate) + limits.pause):
                    message = await coming
            except TimeoutError:
                raise BadRequest("body_timeout", "The request's body did not come in time.", 408) from None
            if message["type"] != "http.request":
                raise ClientGone
            chunk = message.get("body", b"")
            if len(body) + len(chunk) > limits.size:
                raise _too_large(limits.size)
            room.hold(len(chunk))
            body += chunk
            if not message.get("more_body", False):
                return bytes(body)
            last = now()
            coming = receive()
    finally:
        room.release(len(body))


class _Begun:
    """An awaitable that has been awaited as far as it goes at once. `result` is None where it has to wait."""

    __slots__ = ("_rest", "_step", "result")

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._rest = awaitable.__await__()
        self.result: Any = None
        try:
            self._step = next(self._rest)
        except StopIteration as end:
            self.result = end.value

    def __await__(self) -> Generator[Any, Any, Any]:
        """What `yield from` does, of which the first step is done."""
        while self.result is None:
            try:
                try:
                    sent = yield self._step
                except BaseException as error:  # noqa: BLE001 - it is for whoever waits inside
                    self._step = self._rest.throw(error)
                else:
                    self._step = self._rest.send(sent)
            except StopIteration as end:
                self.result = end.value
        return self.result


def _acceptable(headers: Mapping[bytes, bytes]) -> None:
    kind = headers.get(b"content-type", b"")
    if kind != b"application/json":
        essence = kind.partition(b";")[0].strip().lower()
        if essence != b"application/json" and not (essence.startswith(b"application/") and essence.endswith(b"+json")):
            raise BadRequest(
                "unsupported_media_type", "The body must be JSON: send `content-type: application/json`.", 415
            )
    coding = headers.get(b"content-encoding", b"identity").strip().lower()
    if coding not in {b"", b"identity"}:
        raise BadRequest("unsupported_encoding", "Send the body uncompressed: no content-encoding is supported.", 415)


def _too_large(limit: int) -> BadRequest:
    return BadRequest("body_too_large", f"The body is larger than the {limit} bytes allowed here.", 413)
