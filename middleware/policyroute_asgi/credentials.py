"""The key that a caller sends, wherever its SDK puts it.

Rule of this module: one request has one key. Two that differ are refused: somebody on the way would see the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from policyroute.request import BadRequest

_HEADERS: Final = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key"})
"""OpenAI's, Anthropic's, Google's and Azure's: all of them `CREDENTIAL_HEADERS`, which no rule and no provider sees."""
_PARAMETER: Final = "key"
"""Google's, in the query."""


def presented(headers: Iterable[tuple[bytes, bytes]], query_string: bytes) -> str | None:
    """The caller's key, or None. `headers` are all those of the ASGI scope, repeats too.

    Raises BadRequest where there are several that differ.
    """
    found: set[str] = set()
    for name, value in headers:
        if name in _HEADERS and (key := _bearer(value) if name == b"authorization" else value.strip()):
            found.add(key.decode("utf-8", "surrogateescape"))
    if query_string:
        pairs = parse_qsl(query_string.decode("latin-1"), errors="surrogateescape")
        found.update(value for name, value in pairs if name == _PARAMETER)
    if len(found) > 1:
        raise BadRequest("ambiguous_credentials", "The request has several keys that differ: send one.", 401)
    return found.pop() if found else None


def unknown() -> BadRequest:
    """The refusal of a caller without a key that counts: the same for no key, a wrong one and a revoked one."""
    message = "The request has no key that is known here. Send one as your SDK does, or as `Authorization: Bearer`."
    return BadRequest("unauthenticated", message, 401)


def _bearer(value: bytes) -> bytes:
    """The token of `Bearer TOKEN`; empty for another scheme."""
    scheme, _, token = value.strip().partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""
