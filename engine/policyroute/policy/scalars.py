"""What a YAML scalar means, and where each of its characters stands.

Rule of this module: YAML 1.2's core schema and nothing else: `no`, `on` and `12:30` are strings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_CONSTANTS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}\Z")
_OCTAL = re.compile(r"0o[0-7]{1,40}\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,40}\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_FIRST = frozenset("-+.0123456789~nNtTfF")

_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_JOIN = re.compile(r"(?:\\\r?\n[ \t]*)*")


def resolve(text: str) -> Any:
    """A plain scalar's value: null, bool, int, float or the text itself."""
    if text and text[0] not in _FIRST:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEXADECIMAL.match(text):
        return int(text[2:], 16)
    return float(text) if _FLOAT.match(text) and len(text) <= 400 else text


def placed(raw: str, value: str, style: str) -> Callable[[int], int]:
    """A function from an offset in `value` to the offset in `raw`, the scalar as written, quotes and headers included.

    Exact for every character but white space that a fold or an indent moved; where the two cannot be laid beside each
    other, the scalar's start.
    """
    if style == "" and raw == value:
        return lambda offset: offset
    if style in ("'", '"') and raw[1:-1] == value:
        return lambda offset: offset + 1
    where = _aligned(raw, value, style)
    return (lambda offset: where[min(offset, len(where) - 1)]) if where else (lambda offset: 0)


def _aligned(raw: str, value: str, style: str) -> list[int] | None:
    """Where each character of `value` stands in `raw`, and one more for its end."""
    at = _opening(raw, style)
    where: list[int] = []
    for character in value:
        found = _found(raw, at, character) if style != '"' else _found_in_double(raw, at, character)
        if found is None:
            return None
        start, at = found
        where.append(start)
        if style == "'" and character == "'":
            at += 1
    where.append(at)
    return where


def _opening(raw: str, style: str) -> int:
    if style in ("|", ">"):
        return raw.find("\n") + 1
    return 1 if style else 0


def _found(raw: str, at: int, character: str) -> tuple[int, int] | None:
    """The next place where this character stands, skipping white space only; a fold's space is at the line's end."""
    while at < len(raw):
        if raw[at] == character or (character == " " and raw[at] == "\n"):
            return at, at + 1
        if not raw[at].isspace():
            break
        at += 1
    return (at, at) if character.isspace() else None


def _found_in_double(raw: str, at: int, character: str) -> tuple[int, int] | None:
    """As `_found`, where a character may be an escape and a line's end may be escaped away."""
    at = _after_joins(raw, at)
    if not character.isspace():
        while at < len(raw) and raw[at].isspace():
            at = _after_joins(raw, at + 1)
    escape = _ESCAPE.match(raw, at)
    return escape.span() if escape else _found(raw, at, character)


def _after_joins(raw: str, at: int) -> int:
    joins = _JOIN.match(raw, at)
    return joins.end() if joins else at
