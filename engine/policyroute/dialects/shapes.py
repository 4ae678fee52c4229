"""Reading JSON that anyone may have written: the value if it has the shape asked for, else the empty one.

Rule of this module: it never raises. Validation that must refuse says so itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from operator import is_
from typing import Any, cast

import orjson


def obj(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    whole: Any = value
    found: list[Any] = whole if isinstance(value, list) else []
    return found


def same(told: Collection[Any], given: Collection[Any]) -> bool:
    """Whether each is the very other, of as many."""
    return len(told) == len(given) and all(map(is_, told, given))


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_texts(value: Any) -> bool:
    """At least one."""
    return bool(items(value)) and all(isinstance(each, str) for each in items(value))


def without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


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


def loads(said: str) -> Any:
    """The JSON value that a text inside of JSON is, or None. Half a surrogate pair may be in it, as in any text, but no
    number that JSON cannot say: it could only be written as null."""
    try:
        return orjson.loads(said)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(said, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError):
        return None


def _finite(said: str) -> float:
    number = float(said)
    if not math.isfinite(number):
        raise ValueError(said)
    return number


def _whole(said: str) -> int:
    _finite(said)
    return int(said)


def compact(value: Any) -> str:
    return dumps(value).decode()


def has_words(content: Any, *others: str) -> bool:
    """Whether it is a text that says something, or an array in which one is, or a part with one of the other fields."""
    if isinstance(content, str):
        return bool(content)
    return any(obj(part).get(name) for part in items(content) for name in ("text", *others))
