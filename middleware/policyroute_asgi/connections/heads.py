"""What the head of a request says about where the request ends and for whom it is.

Rule of this module: what others on the way may read differently is refused. llhttp refuses the rest: folded and
malformed lines, control characters, a length beside chunks or said twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

import httptools
from uvicorn._types import HTTPScope

from policyroute.dialects import ClientError
from policyroute_asgi.connections import refusals

WATCHED: Final = frozenset({b"host", b"transfer-encoding", b"content-length", b"expect", b"upgrade"})
TUNNEL: Final = b"CONNECT"
"""The method after whose head llhttp reads nothing more, whatever its target."""
_OFFER: Final = frozenset({b"upgrade", b"http2-settings"})


class Head:
    """Told of the headers in WATCHED as they come. `length` is of the body, as far as it is said; `offered`: the client
    would speak another protocol."""

    __slots__ = ("_codings", "_hosts", "awaits_continue", "chunked", "length", "offered")

    def __init__(self) -> None:
        self._hosts = self._codings = self.length = 0
        self.chunked = self.offered = self.awaits_continue = False

    def note(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
        elif name == b"content-length":
            self.length = int(value)  # llhttp lets nothing else through
        elif name == b"transfer-encoding":
            self._codings += 1
            self.chunked = value.lower() == b"chunked"
        elif name == b"upgrade":
            self.offered = True
        else:
            self.awaits_continue = value.lower() == b"100-continue"

    def fault(self, method: bytes, version: str, target: bytes, *, many: bool) -> ClientError | None:
        """Why this is no request, once all of it is known. `many`: there are more headers than allowed."""
        if many:
            return refusals.TOO_LARGE
        current = version == "1.1"
        if not current and version != "1.0":
            return refusals.VERSION
        if target[:1] != b"/" or b"#" in target or method == TUNNEL:
            return refusals.TARGET
        if self._hosts != 1 and (current or self._hosts):
            return refusals.HOST
        if self._codings and not (self.chunked and self._codings == 1 and current):
            return refusals.FRAMING
        return None


def tell(scope: HTTPScope, method: bytes, target: bytes, version: str) -> None:
    """Say in `scope` what is asked for. Raises httptools.HttpParserInvalidURLError."""
    scope["method"] = method.decode("ascii")
    scope["http_version"] = version
    url = httptools.parse_url(target)
    raw: bytes = url.path
    path = raw.decode("ascii")
    scope["path"] = unquote(path) if "%" in path else path
    scope["raw_path"] = raw
    scope["query_string"] = url.query or b""


def without_offer(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head as it would be without the client's offer to speak another protocol, which a server may ignore.

    Java's HTTP client offers HTTP/2 with every request. llhttp cannot ignore it: it takes what comes after the head
    for the other protocol, the body too.
    """
    lines = [b"%b %b HTTP/1.1" % (method, target)]
    for name, value in headers:
        if name == b"connection":
            kept = [token for token in value.split(b",") if token.strip().lower() not in _OFFER]
            lines.append(b"connection:" + b",".join(kept))
        elif name not in _OFFER:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])
