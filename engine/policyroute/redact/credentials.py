"""Secrets that are known by where they stand: keys in PEM, signed tokens, passwords in URLs, headers and commands.

Rule of this module: the finding is the secret, and what stands around it stays readable.
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64
from collections.abc import Iterator

from policyroute.redact import plausible
from policyroute.redact.engine import Pattern, compiled
from policyroute.redact.views import View
from policyroute.redact.words import At

LONGEST_KEY = 8_000
"""Characters of a private key in PEM; of a longer one so many are found."""

_SHORTEST_KEY = 32
_PEM = compiled(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = compiled(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = compiled(r"(?:[A-Za-z0-9+/=,:.\-\s\\|\"'>]{0,})")
_JWT = compiled(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?)?")
_URL = compiled(r"://([^\s:/?#@\"'<>\[\]{}$(),]{0,64}):([^\s/?#@\"'<>]{1,200})@[A-Za-z0-9\[\-_.]")
_BEARER = compiled(r"(?i)(?:bearer|token|basic|apikey|api-key|digest|negotiate)\s+([A-Za-z0-9+/=_.~\-]{8,})")
_HEADER = compiled(
    r"(?i)authorization[\"']?\s?[:=]\s{0,5}[\"']?"
    r"(?:[a-z][a-z0-9\-]{1,20}[ :]\s{0,3})?[\"']?([A-Za-z0-9+/=_.~|@!#\-]{8,})"
)
_GIVEN = compiled(
    r"(?i)(?:-[a-z]{0,6}H|--header)(?:=|[ \t]{0,5})(\\?[\"'])?[a-z0-9\-_]{0,24}(?:key|token|auth|secret|authorization)"
    r"[ \t]{0,2}:[ \t]{0,5}(?:[a-z][a-z0-9\-]{1,20}[ :][ \t]{0,3})?([A-Za-z0-9+/=_.~|@!#\-]{8,})"
)
_CURL = compiled(
    r"(?:-u|--user|--proxy-user|-U)(?:=|[ \t]{0,5})[\"']?([^\s:\"'$<{]{0,64})[\"']?:"
    r"(\"[^\"\n]{3,128}\"|'[^'\n]{3,128}'|[^\"'\n\s]{3,128}|[^\"'\n]{3,128}[\"']|[\"'])"
)


def credentials(kinds: frozenset[str]) -> Iterator[tuple[str, At]]:
    """The words beside the secrets of `kinds`, and who looks at them."""
    if "private_key" in kinds:
        yield "-----begin ", _private_key
    if "jwt" in kinds:
        yield "eyj", _jwt
    if "password" in kinds:
        yield "://", _url
        yield from ((word, _curl) for word in ("-u", "--user", "--proxy-user"))
    if "auth_header" in kinds:
        yield from ((word, _header) for word in _HEADER_WORDS)
        yield from ((word, _bearer) for word in ("bearer", "basic "))
        yield from ((word, _given_header) for word in ("-h ", "-h=", '-h"', "-h'", "--header"))


_HEADER_WORDS = ("authorization",)


def _private_key(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    head = _PEM.match(view.data, start)
    if head is None:
        return
    limit = start + LONGEST_KEY
    tail = _PEM_END.search(view.data, head.end(), limit)
    body = _PEM_BODY.match(view.data, head.end(), limit)
    end = tail.end() if tail is not None else body.end() if body is not None else head.end()
    inside = (tail.start() if tail is not None else end) - head.end()
    if inside >= _SHORTEST_KEY:
        yield start, min(end, limit), "private_key"


def _jwt(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    data = view.data
    if start and (data[start - 1 : start].isalnum() or data[start - 1] in b"_-"):
        return
    found = _JWT.match(data, start, start + LONGEST_KEY)
    if found is None or _MORE.match(data, found.end()) is not None:
        return
    parts = found.group().split(b".")
    if _SIGNS.search(_opened(parts[0])) is not None and (len(parts) == 5 or _is_object(_opened(parts[1]))):
        yield *found.span(), "jwt"


_MORE = compiled(r"\.[A-Za-z0-9_-]{2}")
_SIGNS = compiled(r"\"(?:alg|typ|enc|kid)\" ?:")


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _opened(part: bytes) -> bytes:
    body = part.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return a2b_base64(body + b"=" * (-len(body) % 4))
    except Error:
        return b""


def _url(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    found = _URL.match(view.data, start, start + 300)
    if found is None or not _scheme(view.data, start):
        return
    value = found.group(2).decode("latin-1")
    if _real(value):
        yield *found.span(2), "password"


def _scheme(data: bytes, start: int) -> bool:
    return start > 0 and data[start - 1 : start].isalnum()


def _real(value: str) -> bool:
    """No variable and no word that stands for a password."""
    low = value.lower()
    return value[0] not in "$<{*[(" and low not in _STAND_INS and not (plausible.filler(low) and len(low) > 3)


_STAND_INS = frozenset("password pass passwd pwd secret token pw p xxx your-password test user username key".split())


def _curl(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    found = _CURL.match(view.data, start, start + 240) if _of_curl(view.data, start) else None
    if found is None:
        return
    first, last = found.span(2)
    value = view.data[first:last].strip(b"\"'").decode("latin-1")
    if not value and plausible.password(found.group(1).decode("latin-1")):
        yield *found.span(1), "password"  # a key in the place of the user
    elif value and _real(value):
        first += view.data[first] in b"\"'"
        yield first, first + len(value), "password"


def _of_curl(data: bytes, start: int) -> bool:
    """An option of it: further on in the command, which may go over some lines."""
    return (
        start > 0 and data[start - 1] in b" \t\n\r" and b"curl" in data[max(0, start - 500) : start].rsplit(b"\n\n")[-1]
    )


def _given_header(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    found = _GIVEN.search(view.data, max(0, start - 6), start + 2100)
    if found is None or found.start() > start or not (found.start(1) >= 0 or _of_curl(view.data, found.start())):
        return
    if plausible.given(found.group(2).decode()):
        yield *found.span(2), "auth_header"


def _header(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    yield from _after(_HEADER, view, start)


def _bearer(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    yield from _after(_BEARER, view, start)


def _after(pattern: Pattern, view: View, start: int) -> Iterator[tuple[int, int, str]]:
    found = pattern.match(view.data, start, start + 2100)
    if found is None:
        return
    value = found.group(1).decode()
    if plausible.carried(value) or _of_pair(value):
        yield *found.span(1), "auth_header"


def _of_pair(value: str) -> bool:
    """Base64 of a user and a password."""
    pair = _opened(value.encode()) if len(value) >= 8 else b""
    return b":" in pair and pair.isascii() and pair.decode().isprintable() and not plausible.filler(value)
