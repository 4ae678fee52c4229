"""`"%s has %d".format([...])` of the strings extension.

Rule of this module: the format is checked as it is read; a verb that the value does not fit is an error, never `%!d`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from policyroute.cel.conversions import number, to_string
from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import NUMERIC, bounded, kind
from policyroute.cel.types import Kind

_VERB = re.compile(r"%(?:(%)|(?:\.([0-9]*))?(.)?)", re.DOTALL)
_MAX_PRECISION = 1000
_BAD_VERB = "unrecognized formatting clause"
_BAD_VALUE = "value does not fit the formatting clause"


def formatted(template: str, args: Sequence[Any]) -> str:
    pieces: list[str] = []
    length = position = taken = 0
    for verb in _VERB.finditer(template):
        pieces.append(template[position : verb.start()])
        position = verb.end()
        if verb[1]:
            pieces.append("%")
        else:
            if taken >= len(args):
                raise EvaluationError("format has more clauses than arguments")
            pieces.append(_clause(verb[3], _precision(verb[2]), args[taken]))
            taken += 1
        length += len(pieces[-1]) + len(pieces[-2])
        bounded(length)
    pieces.append(template[position:])
    return "".join(pieces)


def _precision(digits: str | None) -> int:
    if digits is None:
        return 6
    if not digits or len(digits) > len(str(_MAX_PRECISION)) or int(digits) > _MAX_PRECISION:
        raise EvaluationError("invalid precision in format")
    return int(digits)


def _clause(verb: str | None, precision: int, value: Any) -> str:
    if verb in ("f", "e"):
        return _floating(verb, precision, value)
    write = _WRITERS.get(verb or "")
    if write is None:
        raise EvaluationError(_BAD_VERB)
    return write(value)


def _floating(verb: str, precision: int, value: Any) -> str:
    if kind(value) not in NUMERIC:
        raise EvaluationError(_BAD_VALUE)
    real = float(value)
    return f"{real:.{precision}{verb}}" if math.isfinite(real) else number(real)


def _decimal(value: Any) -> str:
    found = kind(value)
    if found in (Kind.INT, Kind.UINT):
        return str(int(value))
    if found is Kind.DOUBLE:
        return number(value)
    raise EvaluationError(_BAD_VALUE)


def _binary(value: Any) -> str:
    if kind(value) not in (Kind.BOOL, Kind.INT, Kind.UINT):
        raise EvaluationError(_BAD_VALUE)
    return f"{int(value):b}"


def _octal(value: Any) -> str:
    if kind(value) not in (Kind.INT, Kind.UINT):
        raise EvaluationError(_BAD_VALUE)
    return f"{int(value):o}"


def _hexadecimal(value: Any) -> str:
    found = kind(value)
    if found is Kind.STRING:
        return str(value).encode("utf-8", "surrogatepass").hex()
    if found is Kind.BYTES:
        return bytes(value).hex()
    if found in (Kind.INT, Kind.UINT):
        return f"{int(value):x}"
    raise EvaluationError(_BAD_VALUE)


def text_of(value: Any) -> str:
    """`%s` of any value; lists and maps element by element, a map in the order of its keys' text."""
    found = kind(value)
    if found is Kind.NULL:
        return "null"
    if found is Kind.LIST:
        return f"[{', '.join(text_of(item) for item in value)}]"
    if found is Kind.MAP:
        entries = sorted((text_of(key), text_of(item)) for key, item in value.items())
        return f"{{{', '.join(f'{key}: {item}' for key, item in entries)}}}"
    if found is Kind.BYTES:
        return bytes(value).decode("utf-8", "replace")
    if found is Kind.RECORD:
        raise EvaluationError(_BAD_VALUE)
    return to_string(value)


_WRITERS: dict[str, Callable[[Any], str]] = {
    "s": text_of,
    "d": _decimal,
    "b": _binary,
    "o": _octal,
    "x": _hexadecimal,
    "X": lambda value: _hexadecimal(value).upper(),
}
