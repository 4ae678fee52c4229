"""CEL's arithmetic: 64-bit integers that overflow rather than wrap, division towards zero, times and spans of time.

Rule of this module: operands are of kinds CEL has a rule for, or it is `no such overload`; nothing is converted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import NO_OVERLOAD, bounded, kind
from policyroute.cel.types import Kind
from policyroute.cel.values import Duration, Timestamp, UInt

OVERFLOW: Final = "overflow"


def int64(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise EvaluationError(OVERFLOW)
    return number


def uint64(number: int) -> UInt:
    if not 0 <= number <= UInt.MAX:
        raise EvaluationError(OVERFLOW)
    return UInt(number)


def duration(nanoseconds: int) -> Duration:
    if not Duration.MIN <= nanoseconds <= Duration.MAX:
        raise EvaluationError(OVERFLOW)
    return Duration(nanoseconds)


def timestamp(nanoseconds: int) -> Timestamp:
    if not Timestamp.MIN <= nanoseconds <= Timestamp.MAX:
        raise EvaluationError(OVERFLOW)
    return Timestamp(nanoseconds)


def _joined(left: Any, right: Any) -> Any:
    bounded(len(left) + len(right))
    return [*left, *right] if isinstance(left, Sequence) and not isinstance(left, str | bytes) else left + right


def _truncated(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError("divide by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError("modulus by zero")
    if right == -1 and left == -(2**63):  # the quotient does not fit, and every CEL refuses the remainder with it
        raise EvaluationError(OVERFLOW)
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _quotient(left: float, right: float) -> float:
    if right != 0.0:
        return left / right
    if left == 0.0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


_I, _U, _D = Kind.INT, Kind.UINT, Kind.DOUBLE
_T, _S = Kind.TIMESTAMP, Kind.DURATION
_Rules = dict[tuple[Kind, Kind], Callable[[Any, Any], Any]]

_ADD: _Rules = {
    (_I, _I): lambda a, b: int64(a + b),
    (_U, _U): lambda a, b: uint64(int(a) + int(b)),
    (_D, _D): lambda a, b: a + b,
    (_S, _S): lambda a, b: duration(int(a) + int(b)),
    (_T, _S): lambda a, b: timestamp(int(a) + int(b)),
    (_S, _T): lambda a, b: timestamp(int(a) + int(b)),
    (Kind.STRING, Kind.STRING): _joined,
    (Kind.BYTES, Kind.BYTES): _joined,
    (Kind.LIST, Kind.LIST): _joined,
}
_SUBTRACT: _Rules = {
    (_I, _I): lambda a, b: int64(a - b),
    (_U, _U): lambda a, b: uint64(int(a) - int(b)),
    (_D, _D): lambda a, b: a - b,
    (_S, _S): lambda a, b: duration(int(a) - int(b)),
    (_T, _S): lambda a, b: timestamp(int(a) - int(b)),
    (_T, _T): lambda a, b: duration(int(a) - int(b)),
}
_MULTIPLY: _Rules = {
    (_I, _I): lambda a, b: int64(a * b),
    (_U, _U): lambda a, b: uint64(int(a) * int(b)),
    (_D, _D): lambda a, b: a * b,
}
_DIVIDE: _Rules = {
    (_I, _I): lambda a, b: int64(_truncated(a, b)),
    (_U, _U): lambda a, b: uint64(_truncated(int(a), int(b))),
    (_D, _D): _quotient,
}
_MODULO: _Rules = {
    (_I, _I): _remainder,
    (_U, _U): lambda a, b: uint64(_remainder(int(a), int(b))),
}


def _apply(rules: _Rules, left: Any, right: Any) -> Any:
    rule = rules.get((kind(left), kind(right)))
    if rule is None:
        raise EvaluationError(NO_OVERLOAD)
    return rule(left, right)


def add(left: Any, right: Any) -> Any:
    return _apply(_ADD, left, right)


def subtract(left: Any, right: Any) -> Any:
    return _apply(_SUBTRACT, left, right)


def multiply(left: Any, right: Any) -> Any:
    return _apply(_MULTIPLY, left, right)


def divide(left: Any, right: Any) -> Any:
    return _apply(_DIVIDE, left, right)


def modulo(left: Any, right: Any) -> Any:
    return _apply(_MODULO, left, right)


def negate(value: Any) -> Any:
    found = kind(value)
    if found is Kind.INT:
        return int64(-value)
    if found is Kind.DOUBLE:
        return -value
    raise EvaluationError(NO_OVERLOAD)
