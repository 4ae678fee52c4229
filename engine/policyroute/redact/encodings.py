"""Texts that stand inside of others in another spelling: as JSON, as files in base64, in the percents of a URL.

Rule of this module: what is not changed keeps its spelling, character by character.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from policyroute.dialects.shapes import compact, loads

Change = Callable[[str], str]
"""Gives back the same object where nothing changes."""

# JSON -----------------------------------------------------------------------------------------------------------------

_LEXEME: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|-?\d[\d.eE+-]{6,}+', re.DOTALL)


def is_json(text: str) -> bool:
    """Whether it is a JSON object, array or text, as a text inside of JSON may be."""
    said = text.strip()
    ends = said[:1] + said[-1:]
    return ends in ("{}", "[]", '""') and len(said) > 2 and loads(said) is not None


def json_changed(text: str, string: Change, name: Change, number: Callable[[str], str | None]) -> str:
    """A JSON text with `string` done to every text in it and `name` to every key; `number`, given a number of seven
    characters or more as it is written, says by which text it is replaced, None where it stays."""
    found: list[str] = []
    last = 0
    for lexeme in _LEXEME.finditer(text):
        raw = lexeme[0]
        if raw[0] == '"':
            new = literal_changed(raw, name if is_key(text, lexeme.end()) else string)
        else:
            said = number(raw)
            new = raw if said is None else compact(said)
        if new is not raw:
            found += (text[last : lexeme.start()], new)
            last = lexeme.end()
    return "".join((*found, text[last:])) if found else text


def is_key(text: str, at: int) -> bool:
    """Whether what ends there is a key of an object."""
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return text[at : at + 1] == ":"


def literal_changed(raw: str, change: Change) -> str:
    """A text in its quotes, as JSON writes it."""
    said: Any = loads(raw) if "\\" in raw else raw[1:-1]
    if not isinstance(said, str):
        said = raw[1:-1]  # no JSON: as it stands
    new = change(said)
    return raw if new is said else compact(new)


def escaped(value: str, times: int = 1) -> str:
    """A value as it is written inside of a JSON text, which is itself `times - 1` times inside of another."""
    for _ in range(times):
        value = compact(value)[1:-1]
    return value


# Files ----------------------------------------------------------------------------------------------------------------

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=\r\n"
SHORTEST: Final = 16
"""Characters from which a word may be base64 of a text."""
_LINES: Final = frozenset({60, 64, 72, 76})
"""Characters of the lines that base64 is broken into."""
_SNIFFED: Final = 4096
"""Characters by which a file is known to be text or not."""
_ASCII: Final = 0x80
_CONTROLS: Final = re.compile(b"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def data_url(text: str) -> tuple[str, str] | None:
    """A `data:` URL's beginning, up to its comma, and its data."""
    if text[:5].lower() != "data:":
        return None
    head, comma, data = text.partition(",")
    return (head + comma, data) if comma and len(head) < 1024 else None


def codec(data: str) -> str | None:
    """How base64 spells a text, by its beginning: empty where it is of something else, None where it is no base64. A
    text has no control characters."""
    if not _is_base64(data[:_SNIFFED]):
        return None
    head = _bytes(data[:_SNIFFED])
    if not head or not _is_base64(data):
        return None
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if _CONTROLS.search(head) is not None:
        return ""
    for cut in range(4):  # a character may be
        try:
            head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return "utf-8"
    return "latin-1" if 4 * sum(each < _ASCII for each in head) >= 3 * len(head) else ""


def is_readable(data: str) -> bool:
    """Whether it is base64 of a text."""
    return len(data) >= SHORTEST and codec(data) in {"utf-8", "utf-16"}


def file_changed(data: str, codec: str, change: Change) -> str:
    """Base64 of a text, with `change` done to it."""
    content = _bytes(data) or b""
    try:
        said = content.decode(codec)
    except UnicodeDecodeError:
        codec = "latin-1"
        said = content.decode(codec)
    new = change(said)
    if new is said:
        return data
    written = base64.b64encode(new.encode(codec, "replace")).decode()
    return written.replace("+", "-").replace("/", "_") if "-" in data or "_" in data else written


def is_mixed(data: str) -> bool:
    """Whether it has capitals, small letters and digits, as what is long and base64 does, and no lines but such as
    base64 is broken into: a list of words, one a line, is a text."""
    head = data[:_SNIFFED]
    lines = set(map(len, data.strip().splitlines()[:-1]))
    return (
        head.upper() != head != head.lower()
        and any(each in head for each in "0123456789")
        and (not lines or (len(lines) == 1 and lines <= _LINES))
    )


def quoted_changed(data: str, change: Change) -> str:
    """A text in percents, with `change` done to it."""
    said = unquote_to_bytes(data).decode("utf-8", "replace")
    new = change(said)
    return data if new is said else quote(new, errors="replace")


def _is_base64(data: str) -> bool:
    return data.isascii() and not data.encode().translate(None, _BASE64)


def _bytes(data: str) -> bytes | None:
    plain = "".join(data.split()).rstrip("=").replace("-", "+").replace("_", "/")
    if len(plain) % 4 == 1:
        plain = plain[:-1]
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return None
