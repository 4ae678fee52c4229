"""CEL's math extension.

Rule of this module: results stay in 64 bits; a number keeps its type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from policyroute.cel.arithmetic import int64, uint64
from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import NO_OVERLOAD, NUMERIC, kind
from policyroute.cel.types import Kind
from policyroute.cel.values import UInt

_WIDTH = 64


def _chosen(values: tuple[Any, ...], better: Callable[[Any, Any], bool]) -> Any:
    numbers = values[0] if len(values) == 1 and kind(values[0]) is Kind.LIST else values
    if not numbers or any(kind(number) not in NUMERIC for number in numbers):
        raise EvaluationError(NO_OVERLOAD)
    best = numbers[0]
    for number in numbers[1:]:
        if better(number, best):
            best = number
    return best


def greatest(*values: Any) -> Any:
    return _chosen(values, lambda a, b: a > b)


def least(*values: Any) -> Any:
    return _chosen(values, lambda a, b: a < b)


def ceil(value: float) -> float:
    return float(math.ceil(value)) if math.isfinite(value) else value


def floor(value: float) -> float:
    return float(math.floor(value)) if math.isfinite(value) else value


def trunc(value: float) -> float:
    return float(math.trunc(value)) if math.isfinite(value) else value


def rounded(value: float) -> float:
    """Half away from zero."""
    if not math.isfinite(value) or abs(value) >= 2**52:
        return value
    whole = math.floor(abs(value))
    return math.copysign(float(whole + (abs(value) - whole >= 0.5)), value)


def absolute(value: Any) -> Any:
    if isinstance(value, float | UInt):
        return abs(value) if isinstance(value, float) else value
    return int64(abs(value))


def sign(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return value
    found = (value > 0) - (value < 0)
    return type(value)(found)


def bit_and(left: int, right: int) -> int:
    return type(left)(int(left) & int(right))


def bit_or(left: int, right: int) -> int:
    return type(left)(int(left) | int(right))


def bit_xor(left: int, right: int) -> int:
    return type(left)(int(left) ^ int(right))


def bit_not(value: int) -> int:
    return uint64(UInt.MAX - int(value)) if isinstance(value, UInt) else ~value


def _shift(value: int, by: int, move: Callable[[int, int], int]) -> int:
    if by < 0:
        raise EvaluationError("negative shift")
    bits = move(int(value) & UInt.MAX, by) & UInt.MAX if by < _WIDTH else 0
    if isinstance(value, UInt):
        return UInt(bits)
    return bits - (1 << _WIDTH) if bits >> (_WIDTH - 1) else bits


def shift_left(value: int, by: int) -> int:
    return _shift(value, by, lambda bits, n: bits << n)


def shift_right(value: int, by: int) -> int:
    """Logical, not arithmetic: the sign bit moves like any other."""
    return _shift(value, by, lambda bits, n: bits >> n)
