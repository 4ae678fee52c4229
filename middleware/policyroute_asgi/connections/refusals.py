"""Answers to clients whose request never becomes one: the app does not get to see it, so nobody knows its dialect.

Rule of this module: they have the shape of all our errors, are made once, and end the connection.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Final

from policyroute.dialects import VOICES, ClientError

_CODE = "invalid_http"

UNREADABLE: Final = ClientError(400, _CODE, "This is no valid HTTP/1.1 request.")
VERSION: Final = ClientError(400, _CODE, "HTTP/1.1 is spoken here, and HTTP/1.0.")
TARGET: Final = ClientError(
    400, _CODE, "The request target must be a path, like /v1/chat/completions. This is a gateway, not a forward proxy."
)
HOST: Final = ClientError(400, _CODE, "A request has exactly one Host header.")
FRAMING: Final = ClientError(400, _CODE, "The one transfer coding that is understood is `chunked`, said once.")
TOO_LARGE: Final = ClientError(431, "head_too_large", "The request has too many headers, or too long ones.")
TOO_SLOW: Final = ClientError(408, "head_timeout", "The request's headers did not come in time.", retry=True)
CROWDED: Final = ClientError(
    503, "too_many_connections", "Too many connections are open here. Try again later.", retry=True, retry_after=1.0
)


@cache
def answer(error: ClientError) -> bytes:
    """The whole HTTP response."""
    body = VOICES["openai_chat"].error_body(error)
    head = [
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in error.headers()),
        "connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
