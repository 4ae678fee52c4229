"""The strings and math extensions of CEL, and the functions of Policyroute's own.

Rule of this module: only data, and what a line or two can say.
"""

from __future__ import annotations

import hashlib
import math
from functools import reduce
from typing import Any

from policyroute.cel import formatting, maths, operations, strings
from policyroute.cel.cidr import Cidr
from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import NUMERIC
from policyroute.cel.patterns import compile_glob
from policyroute.cel.signatures import Form, Function, Overload
from policyroute.cel.table_standard import matched
from policyroute.cel.types import BOOL, CIDR, DOUBLE, DYN, INT, STRING, UINT, Kind, Type, list_of, map_of, unify

_WORDS = list_of(STRING)


def _method(name: str, doc: str, run: Any, result: Type, *shapes: tuple[Type, ...]) -> Function:
    overloads = tuple(Overload(shape, result) for shape in shapes)
    return Function(name, "Strings", doc, overloads, run, Form.METHOD)


STRINGS = (
    _method("charAt", "the character at a position, from 0", strings.char_at, STRING, (STRING, INT)),
    _method(
        "indexOf",
        "where a part begins (at or after), or -1",
        strings.index_of,
        INT,
        (STRING, STRING),
        (STRING, STRING, INT),
    ),
    _method(
        "lastIndexOf",
        "where it begins for the last time (at or before), or -1",
        strings.last_index_of,
        INT,
        (STRING, STRING),
        (STRING, STRING, INT),
    ),
    _method("lowerAscii", "A to Z in lower case", strings.lower_ascii, STRING, (STRING,)),
    _method("upperAscii", "a to z in upper case", strings.upper_ascii, STRING, (STRING,)),
    _method(
        "replace",
        "every part replaced, or at most so many",
        strings.replace,
        STRING,
        (STRING, STRING, STRING),
        (STRING, STRING, STRING, INT),
    ),
    _method(
        "split",
        "the parts between separators, or at most so many",
        strings.split,
        _WORDS,
        (STRING, STRING),
        (STRING, STRING, INT),
    ),
    _method(
        "substring", "from a position, to before another", strings.substring, STRING, (STRING, INT), (STRING, INT, INT)
    ),
    _method("trim", "without white space at the ends", strings.trim, STRING, (STRING,)),
    _method("reverse", "the characters backwards", strings.reverse, STRING, (STRING,)),
    _method(
        "join", "a list of strings end to end, a separator between", strings.join, STRING, (_WORDS,), (_WORDS, STRING)
    ),
    _method(
        "format",
        "the string with `%s %d %f %e %b %o %x %X` filled in",
        formatting.formatted,
        STRING,
        (STRING, list_of(DYN)),
    ),
    Function(
        "strings.quote", "Strings", "in double quotes, with escapes", (Overload((STRING,), STRING),), strings.quote
    ),
)


def _common(types: tuple[Type, ...]) -> Type | None:
    """Of numbers, or of one list of numbers."""
    numbers = (types[0].item or DYN,) if len(types) == 1 and types[0].kind is Kind.LIST else types
    fitting = all(number.kind in NUMERIC or number.kind is Kind.DYN for number in numbers)
    return reduce(unify, numbers) if fitting else None


_WHOLE = (INT, UINT)
_NUMBERS = (INT, UINT, DOUBLE)
_EXTREMES = (Overload((DYN,), DYN, _common, rest=True),)


def _math(name: str, doc: str, run: Any, *overloads: Overload) -> Function:
    return Function(f"math.{name}", "Math", doc, overloads, run)


_ROUNDS = Overload((DOUBLE,), DOUBLE)
_ASKS = Overload((DOUBLE,), BOOL)
_KEEPS = tuple(Overload((kind,), kind) for kind in _NUMBERS)
_BITS = tuple(Overload((kind, kind), kind) for kind in _WHOLE)
_SHIFTS = tuple(Overload((kind, INT), kind) for kind in _WHOLE)

MATH = (
    _math("greatest", "the greatest of the numbers, or of a list of them", maths.greatest, *_EXTREMES),
    _math("least", "the least of them", maths.least, *_EXTREMES),
    _math("ceil", "up to a whole number", maths.ceil, _ROUNDS),
    _math("floor", "down to a whole number", maths.floor, _ROUNDS),
    _math("round", "to the nearest whole number, halves away from zero", maths.rounded, _ROUNDS),
    _math("trunc", "towards zero", maths.trunc, _ROUNDS),
    _math("abs", "without the sign", maths.absolute, *_KEEPS),
    _math("sign", "-1, 0 or 1", maths.sign, *_KEEPS),
    _math("isNaN", "not a number", math.isnan, _ASKS),
    _math("isInf", "infinite", math.isinf, _ASKS),
    _math("isFinite", "neither", math.isfinite, _ASKS),
    _math("bitAnd", "bits in both", maths.bit_and, *_BITS),
    _math("bitOr", "bits in either", maths.bit_or, *_BITS),
    _math("bitXor", "bits in one", maths.bit_xor, *_BITS),
    _math("bitNot", "the other bits", maths.bit_not, *_KEEPS[:2]),
    _math("bitShiftLeft", "bits moved up", maths.shift_left, *_SHIFTS),
    _math("bitShiftRight", "bits moved down, zeros above", maths.shift_right, *_SHIFTS),
)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _hexadecimal(text: str) -> str:
    return digest(text).hex()


def _network(network: Cidr) -> Cidr:
    return network


def bucket(text: str, count: int) -> int:
    """A number from 0 to count - 1 that is the same for the same text on every machine."""
    if count < 1:
        raise EvaluationError("bucket count must be positive")
    return int.from_bytes(digest(text)[:8]) % count


def _found(types: tuple[Type, ...]) -> Type:
    return unify(types[0].item or DYN, types[2])


_GROUP = "Policyroute's own"

OURS = (
    Function(
        "get",
        _GROUP,
        "the value of a key, or the default where the map has none",
        (Overload((map_of(DYN, DYN), DYN, DYN), DYN, _found),),
        operations.lookup,
    ),
    Function(
        "bucket",
        _GROUP,
        "a number from 0 to n - 1, always the same for the same string: for shares of traffic",
        (Overload((STRING, INT), INT),),
        bucket,
    ),
    Function(
        "glob",
        _GROUP,
        "the whole string fits a pattern (a literal) in which `*` is anything and `?` any one character",
        (Overload((STRING, STRING), BOOL),),
        matched,
        literal={1: compile_glob},
    ),
    Function(
        "cidr",
        _GROUP,
        "a network, from a literal such as `10.0.0.0/8`",
        (Overload((STRING,), CIDR),),
        _network,
        literal={0: Cidr.parse},
    ),
    Function(
        "containsIP",
        _GROUP,
        "whether an address is in a network; an error if it is no address",
        (Overload((CIDR, STRING), BOOL),),
        Cidr.contains_ip,
        Form.METHOD,
    ),
    Function(
        "sha256",
        _GROUP,
        "the SHA-256 of a string's UTF-8, in hexadecimal",
        (Overload((STRING,), STRING),),
        _hexadecimal,
    ),
)
