"""The values of CEL literals, from their text.

Rule of this module: a literal is what the CEL specification says or it is refused; nothing is rounded or wrapped.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from policyroute.cel.trouble import BAD_LITERAL, refused
from policyroute.cel.values import UInt

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.)|)", re.DOTALL
)
_NAMED: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    **{same: same for same in "\\?\"'`"},
}
_MAX_CHARACTER: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


def literal(kind: str, text: str, start: int) -> Any:
    """The value of a token of this kind (the grammar's terminal). Raises Refused with a place in the text."""
    if kind in ("INT_LIT", "UINT_LIT"):
        return _whole(text, start)
    if kind == "FLOAT_LIT":
        value = float(text)
        if math.isinf(value):
            raise _bad("this number is too large for a double", text, start)
        return value
    if kind == "BOOL_LIT":
        return text == "true"
    if kind == "NULL_LIT":
        return None
    return _text(text, start)


def _whole(text: str, start: int) -> int:
    digits = text.rstrip("uU")
    value = int(digits, 16 if "x" in digits else 10)
    if digits == text:
        if not -(2**63) <= value < 2**63:
            raise _bad("this number does not fit a 64-bit integer", text, start)
        return value
    if not 0 <= value <= UInt.MAX:
        raise _bad("this number does not fit an unsigned 64-bit integer", text, start)
    return UInt(value)


def _text(text: str, start: int) -> str | bytes:
    body = text.lstrip("bBrR")
    prefix = text[: len(text) - len(body)].lower()
    marks = 3 if body.startswith(('"""', "'''")) else 1
    inner = body[marks:-marks]
    offset = start + len(prefix) + marks
    if "b" in prefix:
        return inner.encode() if "r" in prefix else _bytes(inner, offset)
    return inner if "r" in prefix else _ESCAPE.sub(lambda found: _character(found, offset), inner)


def _character(found: re.Match[str], offset: int) -> str:
    *numbers, named = found.groups()
    if named is not None and named in _NAMED:
        return _NAMED[named]
    code = _code(numbers)
    if code is None or code > _MAX_CHARACTER or code in _SURROGATES:
        raise _bad(f"`{found[0]}` is not an escape", found[0], offset + found.start(), _RAW)
    return chr(code)


def _code(numbers: list[str | None]) -> int | None:
    octal = numbers[-1]
    if octal is not None:
        return int(octal, 8)
    return next((int(number, 16) for number in numbers if number is not None), None)


def _bytes(inner: str, offset: int) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for found in _ESCAPE.finditer(inner):
        pieces.append(inner[position : found.start()].encode())
        position = found.end()
        named = found[6]
        if named is not None and named in _NAMED:
            pieces.append(_NAMED[named].encode())
            continue
        code = _code([found[1], found[2], found[5]])
        if code is None:
            raise _bad(f"`{found[0]}` is not an escape in bytes", found[0], offset + found.start(), _RAW)
        pieces.append(bytes([code]))
    return b"".join([*pieces, inner[position:].encode()])


_RAW: Final = r'a backslash is written `\\`, or the string raw: `r"\d+"`'


def _bad(message: str, text: str, start: int, hint: str | None = None) -> Exception:
    return refused(BAD_LITERAL, message, start, start + len(text), hint)
