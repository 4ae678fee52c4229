"""What a header carries that is there to carry a secret: `Authorization: Bearer ...`, `Cookie: sid=...`.

Rule of this module: it reads one header as RFC 9110 and RFC 6265 write it: a scheme and a token, or a scheme and
parameters, or pairs; and the finding is the token alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from policyroute.redact import plausible
from policyroute.redact.credentials import opened
from policyroute.redact.engine import compiled
from policyroute.redact.views import View
from policyroute.redact.words import Asked

LONGEST = 2100
"""Characters of a header in which its secret is looked for."""
NEAR = 200
"""Characters after a header's name in which its secrets begin, so that whoever looks piece by piece sees both."""
NAMES = (
    r"(?:key|token|auth|secret|authorization|authentication|password|passwd|passphrase|credentials?|jwt|assertion"
    r"|session(?:[-_]?id)?|access)"
)
"""How names of headers end that carry a secret, as a pattern."""
_PUBLIC = ("idempotency", "public", "websocket", "surrogate", "cache", "partition", "routing", "sort", "object")

_SCHEME = compiled(
    r"(?i)(?:(?:bearer|token|basic|api-?key|key|jwt)[ \t]{0,2}:[ \t]{0,3}|[a-z][a-z0-9\-]{1,20}(?:\\?[ \t]){1,4})"
)
_TOKEN = compiled(r"[\\\"']{0,3}([A-Za-z0-9+/=_.~|@!#:%\-]{8,})")
_PARAMETERS = compiled(r"(?i)[a-z_\-]{1,32}[ \t]?=[ \t]?(?:\\?\"|[^=\s\"'])")
_PARAMETER = compiled(
    r"(?i)(?:token|key|signature|response|auth|password|secret|mac|credential)[ \t]?=[ \t]?\\?\"?([^\s\"'\\,;]{8,})"
)
_PAIR = compiled(r"([A-Za-z0-9_.\-]{1,64})=\"?([^\s\"'\\,;]{8,})")
_SESSION = ("sess", "token", "auth", "jwt", "sid", "secret", "key", "remember", "login")
_HEADER = compiled(r"(?i)authorization[\"']?\s?[:=]\s{0,5}[\"']?")
_BEARER = compiled(r"(?i)(?:bearer|token|basic|apikey|api-key|digest|negotiate)\s+([A-Za-z0-9+/=_.~\-]{8,})")

Judge = Callable[[str], bool]
Places = Iterator[tuple[int, int]]


def headers(kinds: frozenset[str]) -> Iterator[Asked]:
    """The words of headers that carry what `kinds` has, and who looks at them."""
    if "auth_header" in kinds:
        yield "authorization", _header, 1
        yield from ((word, _bearer, 1) for word in ("bearer", "basic "))
        yield "cookie:", _cookies, 6


def carried(data: bytes, start: int, end: int, judge: Judge) -> Places:
    """Where the secrets of a header stand whose value is from `start` to `end`."""
    scheme = _SCHEME.match(data, start, end)
    after = scheme.end() if scheme is not None else start
    if _PARAMETERS.match(data, after, end) is not None:
        for parameter in _PARAMETER.finditer(data, after, end):
            if parameter.start(1) - start > NEAR:
                return
            if judge(parameter.group(1).decode("latin-1")):
                yield parameter.span(1)
        return
    for at in (after, start)[: 1 + (after > start)]:
        found = _TOKEN.match(data, at, end)
        if found is not None:
            if judge(found.group(1).decode()):
                yield found.span(1)
            return


def pairs(data: bytes, start: int, end: int, near: int) -> Places:
    """Where the secrets of cookies stand that begin in the first `near` characters: what is drawn, and what has a name
    that says session."""
    for found in _PAIR.finditer(data, start, end):
        if found.start(2) - start > near:
            return
        name, value = (found.group(each).decode("latin-1") for each in (1, 2))
        says = any(each in name.lower() for each in _SESSION)
        if (plausible.given(value) and plausible.drawn(value)) if says else plausible.token(value, 16):
            yield found.span(2)


def is_public(name: str) -> bool:
    """A header's name, in lower case, which says `key` of what is no secret."""
    return any(each in name for each in _PUBLIC)


def _header(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    found = _HEADER.match(view.data, start, start + 40)
    if found is not None:
        for first, last in carried(view.data, found.end(), found.end() + LONGEST, _spoken):
            yield first, last, "auth_header"
            return


def _bearer(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    found = _BEARER.match(view.data, start, start + LONGEST)
    if found is not None and _spoken(found.group(1).decode()):
        yield *found.span(1), "auth_header"


def _cookies(view: View, _start: int, end: int) -> Iterator[tuple[int, int, str]]:
    line = view.data[end : end + LONGEST].split(b"\n", 1)[0]
    yield from ((first, last, "auth_header") for first, last in pairs(view.data, end, end + len(line), NEAR))


def _spoken(value: str) -> bool:
    """In a text that may speak about headers."""
    return plausible.carried(value) or _of_pair(value)


def _of_pair(value: str) -> bool:
    """Base64 of a user and a password."""
    pair = opened(value.encode()) if len(value) >= 8 else b""
    return b":" in pair and pair.isascii() and pair.decode().isprintable() and not plausible.filler(value)
