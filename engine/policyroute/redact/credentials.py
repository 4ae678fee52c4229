"""Secrets that are known by where they stand: keys in PEM, signed tokens, passwords in URLs.

Rule of this module: the finding is the secret, and what stands around it stays readable.
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64
from collections.abc import Iterator

from policyroute.redact import plausible
from policyroute.redact.engine import compiled
from policyroute.redact.views import View
from policyroute.redact.words import Asked

LONGEST_KEY = 8_000
"""Characters of a private key in PEM; of a longer one so many are found."""

_SHORTEST_KEY = 32
_PEM = compiled(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = compiled(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = compiled(r"(?:[A-Za-z0-9+/=,:.\-\s\\|\"'>]{0,})")
_JWT = compiled(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?)?")
_URL = compiled(r"://([^\s:/?#@\"'<>\[\]{}$(),]{0,64}):([^\s/?#@\"'<>]{1,200})@[A-Za-z0-9\[\-_.]")


def credentials(kinds: frozenset[str]) -> Iterator[Asked]:
    """The words beside the secrets of `kinds`, and who looks at them."""
    if "private_key" in kinds:
        yield "-----begin ", _private_key, 20  # much is read after it
    if "jwt" in kinds:
        yield "eyj", _jwt, 1
    if "password" in kinds:
        yield "://", _url, 1


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
    if _SIGNS.search(opened(parts[0])) is not None and (len(parts) == 5 or _is_object(opened(parts[1]))):
        yield *found.span(), "jwt"


_MORE = compiled(r"\.[A-Za-z0-9_-]{2}")
_SIGNS = compiled(r"\"(?:alg|typ|enc|kid)\" ?:")


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def opened(part: bytes) -> bytes:
    """What is base64 of it; empty: nothing is."""
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
    if real(value):
        yield *found.span(2), "password"


def _scheme(data: bytes, start: int) -> bool:
    return start > 0 and data[start - 1 : start].isalnum()


def real(value: str) -> bool:
    """No variable and no word that stands for a password."""
    low = value.lower()
    return value[0] not in "$<{*[(" and low not in _STAND_INS and not (plausible.filler(low) and len(low) > 3)


_STAND_INS = frozenset("password pass passwd pwd secret token pw p xxx your-password test user username key".split())
