"""What commands are given: `curl -u name:password`, `-H "X-Api-Key: ..."`, `-b sid=...`, `mysql -psecret`.

Rule of this module: an option says what its argument is, and a shell says where that ends: at its quote, or at the end
of its word. Lines go on after a backslash.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyroute.redact import plausible
from policyroute.redact.credentials import real
from policyroute.redact.engine import compiled
from policyroute.redact.headers import LONGEST, NAMES, carried, is_public, pairs
from policyroute.redact.views import View
from policyroute.redact.words import Asked

_COMMAND = 160  # characters in front of an option in which its command stands
_CLOSE = 60  # characters of an argument in which cookies begin, so that their command is not far
_FLAGS = "[sSfLkiIvgGnNOJlpqRaBj0-46#]{0,6}"  # of curl, those without an argument: `-sSu name:password`
_JOINT = r"(?:[\"'],?)?(?:=|(?:[ \t\r\n\\^]|\\n){0,8})"  # `-H "x"`, `--header=x`, `"-H", "x"`, and a line that goes on
_GIVEN = compiled(
    rf"(?i)(?:-[a-z]{{0,6}}H|--(?:proxy-)?header){_JOINT}(\$?[\"'])?([a-z0-9\-_]{{0,40}}{NAMES})[ \t]{{0,2}}:"
    r"(?:\\?[ \t]){0,5}"
)
_COOKIE = compiled(rf"(?:-{_FLAGS}b|--cookie){_JOINT}(?:\$?(?:\"([^\"\n]+)|'([^'\n]+))|([^\s\"']+))")
_USER = compiled(
    rf"(?:-{_FLAGS}[uU]|--user|--proxy-user|--(?:proxy-)?cert|-{_FLAGS}E){_JOINT}\$?[\"']?([^\s:\"'$<{{]{{0,64}})[\"']?:"
    r"(\"[^\"\n]{1,64}\"|'[^'\n]{1,64}'|[^\"'\n\s]{3,128}|[xX](?:[\"'\s]|$)|[^\"'\n]{3,64}[\"']|[\"']|\s|$)"
)
_WHOLE = compiled(rf"--(?:oauth2-bearer|[a-z0-9\-]{{0,12}}pass(?:word|wd)?){_JOINT}\$?[\"']?([^\s\"']{{6,}})")
_OPTION = compiled(rf"[ \t\r\n\"',](-{_FLAGS}[uUEb]|--(?:user|proxy-user|cert|proxy-cert|cookie)[=\s\"'\\])")
_SHORT = {
    **dict.fromkeys(("mysql", "mariadb"), compiled(r"[ \t]-p[\"']?([^\s\"']{6,64})")),  # right after it, as they ask
    "sshpass": compiled(r"[ \t]-p[ \t]?[\"']?([^\s\"']{6,64})"),
    "redis-cli": compiled(r"[ \t]-a[ \t]?[\"']?([^\s\"']{6,64})"),
}
"""Commands, and the option that gives them a password."""
_DOUBLE, _SINGLE, _WORD = (compiled(each) for each in (r"(?:[^\"\\\n]|\\.)*", r"[^'\n]*", r"(?:[^\s\"'\\]|\\.)*"))
_NO_PASSWORDS = frozenset(("", "x", "x-oauth-basic", "api_token", "api"))
"""What services have their users write after a key that stands in the place of the name."""


def commands(kinds: frozenset[str]) -> Iterator[Asked]:
    """The words of options that carry what `kinds` has, and who looks at them."""
    if "password" in kinds:
        yield "curl", _users, 7
        yield from ((f"--{word}", _password, 3) for word in _PASSWORDS)
        yield from ((command, _short, 3) for command in _SHORT)
    if "auth_header" in kinds:
        yield "curl", _cookies, 7
        yield "--oauth2-bearer", _token, 3
        yield from ((word, _header, 2) for word in _HEADERS)


_PASSWORDS = tuple("pass proxy-pass tlspassword proxy-tlspassword password http-pass ftp-pass proxy-password".split())
_HEADERS = (
    *('h "', "h '", "h $'", "-h ", "-h\t", "-h=", '-h"', "-h'", "-h$", "-h\\", "h \\\n", "-hx-", "-hapi", "-hpriv"),
    *("--header", "--proxy-header"),
)


def _options(view: View, start: int, end: int) -> Iterator[int]:
    """Where the options of a command begin that starts here."""
    upto = min(end + _COMMAND, len(view.data))
    for sign in (b"\n\n", b"curl"):
        at = view.data.find(sign, end, upto)
        upto = upto if at < 0 else at
    if start == 0 or not view.data[start - 1 : start].isalnum():
        yield from (found.start(1) for found in _OPTION.finditer(view.data, end, min(upto + 12, len(view.data))))


def _users(view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for at in _options(view, start, end):
        found = _USER.match(view.data, at, at + 260)
        if found is not None:
            yield from _user(view.data, *found.span(1), *found.span(2))


def _user(data: bytes, start: int, end: int, first: int, last: int) -> Iterator[tuple[int, int, str]]:
    name = data[start:end].decode("latin-1")
    value = data[first:last].strip(b"\"' \t\r\n").decode("latin-1")
    if value.lower() in _NO_PASSWORDS:
        if plausible.token(name, 10):
            yield start, end, "password"  # a key in the place of the name
    elif len(value) >= 3 and real(value):
        first += data[first] in b"\"'"
        yield first, first + len(value), "password"


def _cookies(view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for at in _options(view, start, end):
        found = _COOKIE.match(view.data, at, at + LONGEST)
        if found is not None:
            group = next(each for each in (1, 2, 3) if found.start(each) >= 0)
            yield from ((first, last, "auth_header") for first, last in pairs(view.data, *found.span(group), _CLOSE))


def _password(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    for first, last in _whole(view, start):
        if plausible.password(view.data[first:last].decode("latin-1")):
            yield first, last, "password"


def _short(view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    line = view.data[end : end + _COMMAND].split(b"\n", 1)[0]
    found = _SHORT[view.low[start:end]].search(view.data, end, end + len(line))
    if found is not None and plausible.password(found.group(1).decode("latin-1")):
        yield *found.span(1), "password"


def _token(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    for first, last in _whole(view, start):
        if plausible.given(view.data[first:last].decode("latin-1")):
            yield first, last, "auth_header"


def _whole(view: View, start: int) -> Iterator[tuple[int, int]]:
    found = _WHOLE.match(view.data, start, start + LONGEST)
    if found is not None:
        yield found.span(1)


def _header(view: View, start: int, _end: int) -> Iterator[tuple[int, int, str]]:
    data = view.data
    found = _GIVEN.search(data, max(0, start - 6), start + 160)
    if found is None or found.start() > start or is_public(view.low[slice(*found.span(2))]):
        return
    if found.start(1) < 0 and not _of_curl(data, found.start()):
        return
    at = found.end()
    closed = _SINGLE if data[found.end(1) - 1 : found.end(1)] == b"'" else _DOUBLE if found.start(1) >= 0 else _WORD
    end = closed.match(data, at, at + LONGEST)
    for first, last in carried(data, at, at if end is None else end.end(), plausible.given):
        yield first, last, "auth_header"


def _of_curl(data: bytes, start: int) -> bool:
    """An option of it: further on in the command, which may go over some lines."""
    return (
        start > 0
        and data[start - 1] in b" \t\n\r"
        and b"curl" in data[max(0, start - _COMMAND) : start].rsplit(b"\n\n")[-1]
    )
