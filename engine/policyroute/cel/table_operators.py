"""CEL's operators, as functions.

Rule of this module: only data. What an operator does is in `operations` and `arithmetic`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from policyroute.cel import arithmetic, operations
from policyroute.cel.signatures import Form, Function, Overload
from policyroute.cel.types import (
    BOOL,
    BYTES,
    CLEARANCE,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    UINT,
    Type,
    list_of,
    map_of,
    unify,
)

_LIST = list_of(DYN)
_MAP = map_of(DYN, DYN)
_NUMBERS = (INT, UINT, DOUBLE)
_ORDERED = (BOOL, STRING, BYTES, DURATION, TIMESTAMP, CLEARANCE)


def _concatenated(types: tuple[Type, ...]) -> Type:
    return unify(types[0], types[1])


def _element(types: tuple[Type, ...]) -> Type:
    return types[0].item or DYN


def _either(types: tuple[Type, ...]) -> Type:
    return unify(types[1], types[2])


_SAME = tuple(Overload((kind, kind), kind) for kind in _NUMBERS)
_COMPARED = (
    *(Overload((left, right), BOOL) for left in _NUMBERS for right in _NUMBERS),
    *(Overload((kind, kind), BOOL) for kind in _ORDERED),
)
_SHIFTED = (Overload((TIMESTAMP, DURATION), TIMESTAMP), Overload((DURATION, DURATION), DURATION))


def _operator(name: str, doc: str, overloads: tuple[Overload, ...], run: Callable[..., Any]) -> Function:
    return Function(name, "Operators", doc, overloads, run, Form.OPERATOR)


OPERATORS = (
    _operator(
        "_&&_",
        "false if either is false, whatever the other is",
        (Overload((BOOL, BOOL), BOOL, rest=True),),
        operations.conjunction,
    ),
    _operator(
        "_||_",
        "true if either is true, whatever the other is",
        (Overload((BOOL, BOOL), BOOL, rest=True),),
        operations.disjunction,
    ),
    _operator("!_", "not", (Overload((BOOL,), BOOL),), operator.not_),
    _operator(
        "_?_:_",
        "the second if the first is true, else the third",
        (Overload((BOOL, DYN, DYN), DYN, _either),),
        operations.choose,
    ),
    _operator(
        "_==_", "equal; numbers of different types by their value", (Overload((DYN, DYN), BOOL),), operations.equal
    ),
    _operator(
        "_!=_",
        "not equal",
        (Overload((DYN, DYN), BOOL),),
        operations.unequal,
    ),
    _operator("_<_", "less", _COMPARED, operations.less),
    _operator("_<=_", "less or equal", _COMPARED, operations.less_equal),
    _operator("_>_", "greater", _COMPARED, operations.greater),
    _operator("_>=_", "greater or equal", _COMPARED, operations.greater_equal),
    _operator(
        "@in",
        "an element of a list, or a key of a map",
        (Overload((DYN, _LIST), BOOL), Overload((DYN, _MAP), BOOL)),
        operations.contains,
    ),
    _operator(
        "_[_]",
        "an element by its position from 0, or the value of a key; an error if there is none",
        (
            *(Overload((_LIST, number), DYN, _element) for number in _NUMBERS),
            Overload((_MAP, DYN), DYN, _element),
        ),
        operations.index,
    ),
    _operator(
        "_+_",
        "sum; strings, bytes and lists end to end",
        (
            *_SAME,
            Overload((STRING, STRING), STRING),
            Overload((BYTES, BYTES), BYTES),
            Overload((_LIST, _LIST), _LIST, _concatenated),
            *_SHIFTED,
            Overload((DURATION, TIMESTAMP), TIMESTAMP),
        ),
        arithmetic.add,
    ),
    _operator(
        "_-_",
        "difference",
        (*_SAME, *_SHIFTED, Overload((TIMESTAMP, TIMESTAMP), DURATION)),
        arithmetic.subtract,
    ),
    _operator("_*_", "product", _SAME, arithmetic.multiply),
    _operator("_/_", "quotient; of integers, towards zero", _SAME, arithmetic.divide),
    _operator("_%_", "remainder, with the sign of the first", _SAME[:2], arithmetic.modulo),
    _operator("-_", "minus", (Overload((INT,), INT), Overload((DOUBLE,), DOUBLE)), arithmetic.negate),
)
