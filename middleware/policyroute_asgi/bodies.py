"""Reads a request's body from ASGI, within its limits.

Rule of this module: what cannot be served is refused before it is read, and nothing is read beyond the limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from policyroute.request import BadRequest

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def read_json_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The whole body, at most `limit` bytes of JSON. `headers` names are lower-case.

    Raises BadRequest (413 body_too_large, 415 unsupported_media_type or unsupported_encoding) and ClientGone.
    """
    _acceptable(headers)
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    return await _read_on(message, receive, limit)


async def _read_on(message: Any, receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


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
