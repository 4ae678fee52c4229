"""Reading JSON that anyone may have written: the value if it has the shape asked for, else the empty one.

Rule of this module: it never raises. Validation that must refuse says so itself.
"""

from __future__ import annotations

import json
from typing import Any, cast

import orjson


def obj(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    whole: Any = value
    found: list[Any] = whole if isinstance(value, list) else []
    return found


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_MOST = 2**53
"""Where JSON's numbers stop being exact. No provider counts that far."""


def count(value: Any) -> int:
    """A number of tokens: a whole number from zero up to 2**53, else zero."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST else 0


def utf8_length(said: str) -> int:
    return len(said) if said.isascii() else len(said.encode("utf-8", "surrogatepass"))


def dumps(value: Any) -> bytes:
    """The value as JSON, whatever JSON it came from: orjson has no half surrogate pairs and no huge numbers."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def compact(value: Any) -> str:
    return dumps(value).decode()
