"""Conversions between CEL types: `int("7")`, `string(1.5)`, `timestamp("...")`.

Rule of this module: a conversion that would lose the value (out of range, not a number) is an error, never a guess.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from policyroute.cel.arithmetic import OVERFLOW, int64, timestamp, uint64
from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import kind
from policyroute.cel.types import Kind
from policyroute.cel.values import SECOND, Duration, Timestamp, TypeValue, UInt
from policyroute.clearance import Clearance

_INT = re.compile(r"[+-]?[0-9]{1,30}")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:inf|infinity)|nan", re.IGNORECASE)
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_TYPE_NAMES = {
    Kind.TIMESTAMP: "google.protobuf.Timestamp",
    Kind.DURATION: "google.protobuf.Duration",
    Kind.CIDR: "net.CIDR",
}
TYPE_NAMES = ("bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type")
"""The types that an expression can name."""

_Moment = TypeVar("_Moment", Duration, Timestamp)
MALFORMED = "cannot convert"


def to_int(value: Any) -> int:
    match value:
        case Timestamp():
            return int(value) // SECOND
        case float():
            if not -(2.0**63) < value < 2.0**63:
                raise EvaluationError(OVERFLOW)
            return int(value)
        case str():
            return int64(_whole(value))
        case _:
            return int64(int(value))


def to_uint(value: Any) -> UInt:
    match value:
        case float():
            if not -1.0 < value < 2.0**64:
                raise EvaluationError(OVERFLOW)
            return uint64(int(value))
        case str():
            return uint64(_whole(value))
        case _:
            return uint64(int(value))


def _whole(text: str) -> int:
    if not _INT.fullmatch(text):
        raise EvaluationError(MALFORMED)
    return int(text)


def to_double(value: Any) -> float:
    if isinstance(value, str) and not _DOUBLE.fullmatch(value):
        raise EvaluationError(MALFORMED)
    return float(value)


def to_bool(value: Any) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    if isinstance(value, bool):
        return value
    raise EvaluationError(MALFORMED)


def to_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else utf8(value)


def utf8(text: str) -> bytes:
    """A string's bytes. JSON may smuggle in lone surrogates, which have none."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise EvaluationError("invalid UTF-8") from None


def to_string(value: Any) -> str:
    write = _TEXTS.get(value.__class__)
    return write(value) if write else str(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvaluationError("invalid UTF-8") from None


def number(value: float) -> str:
    """A double in the fewest digits that read back as the same number; with an exponent where that is short."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value).removesuffix(".0")
    if value == 0.0 or 1e-4 <= abs(value) < 1e6:
        return text
    digits = text.lstrip("-").partition("e")[0].replace(".", "").strip("0")
    return f"{value:.{len(digits) - 1}e}"


def to_duration(value: Any) -> Duration:
    return value if isinstance(value, Duration) else _parsed(Duration, value)


def to_timestamp(value: Any) -> Timestamp:
    if isinstance(value, Timestamp):
        return value
    return timestamp(value * SECOND) if isinstance(value, int) else _parsed(Timestamp, value)


def _parsed(made: type[_Moment], text: str) -> _Moment:
    try:
        return made.parse(text)
    except ValueError:
        raise EvaluationError(MALFORMED) from None


def type_of(value: Any) -> TypeValue:
    found = kind(value)
    return TypeValue(_TYPE_NAMES.get(found, found.value))


_TEXTS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "true" if value else "false",
    bytes: _decoded,
    float: number,
    UInt: lambda value: str(int(value)),
    Clearance: lambda value: str(value.label),
}
