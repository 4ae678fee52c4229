"""The standard library of CEL: sizes, string tests, conversions, times.

Rule of this module: only data.
"""

from __future__ import annotations

import operator
from datetime import datetime
from typing import Any

from policyroute.cel import conversions, moments, operations
from policyroute.cel.patterns import Matcher, compile_pattern
from policyroute.cel.signatures import Form, Function, Overload
from policyroute.cel.types import (
    BOOL,
    BYTES,
    CIDR,
    CLEARANCE,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    list_of,
    map_of,
)
from policyroute.cel.values import SECOND


def matched(text: str, matcher: Matcher) -> bool:
    return matcher(text)


_SIZED = (STRING, BYTES, list_of(DYN), map_of(DYN, DYN))
_TWO_STRINGS = (Overload((STRING, STRING), BOOL),)

STANDARD = (
    Function(
        "size",
        "Standard functions",
        "characters, bytes, elements or keys",
        tuple(Overload((kind,), INT) for kind in _SIZED),
        operations.size,
        Form.BOTH,
    ),
    Function("contains", "Standard functions", "has the part", _TWO_STRINGS, operator.contains, Form.METHOD),
    Function("startsWith", "Standard functions", "begins with", _TWO_STRINGS, str.startswith, Form.METHOD),
    Function("endsWith", "Standard functions", "ends with", _TWO_STRINGS, str.endswith, Form.METHOD),
    Function(
        "matches",
        "Standard functions",
        "an RE2 pattern, which must be a literal, matches somewhere in the string",
        _TWO_STRINGS,
        matched,
        Form.BOTH,
        literal={1: compile_pattern},
    ),
)


def _conversion(name: str, doc: str, kinds: tuple[Any, ...], result: Any, run: Any) -> Function:
    return Function(name, "Conversions", doc, tuple(Overload((kind,), result) for kind in kinds), run)


CONVERSIONS = (
    _conversion("bool", "from `true`, `false`, `1`, `0` and the like", (BOOL, STRING), BOOL, conversions.to_bool),
    _conversion(
        "int", "towards zero; a timestamp in seconds", (INT, UINT, DOUBLE, STRING, TIMESTAMP), INT, conversions.to_int
    ),
    _conversion("uint", "towards zero", (UINT, INT, DOUBLE, STRING), UINT, conversions.to_uint),
    _conversion("double", "the nearest double", (DOUBLE, INT, UINT, STRING), DOUBLE, conversions.to_double),
    _conversion(
        "string",
        "as text",
        (STRING, BOOL, INT, UINT, DOUBLE, BYTES, TIMESTAMP, DURATION, CLEARANCE, CIDR),
        STRING,
        conversions.to_string,
    ),
    _conversion("bytes", "a string's UTF-8", (BYTES, STRING), BYTES, conversions.to_bytes),
    _conversion("duration", "from `1500ms`, `1h30m`", (DURATION, STRING), DURATION, conversions.to_duration),
    _conversion(
        "timestamp",
        "from RFC 3339, or seconds since 1970",
        (TIMESTAMP, STRING, INT),
        TIMESTAMP,
        conversions.to_timestamp,
    ),
    _conversion("type", "the type of a value", (DYN,), TYPE, conversions.type_of),
    Function(
        "dyn",
        "Conversions",
        "the value, not checked before it is there",
        (Overload((DYN,), DYN),),
        operations.present,
        folds=False,
    ),
)

_OF_MOMENT = (Overload((TIMESTAMP,), INT), Overload((TIMESTAMP, STRING), INT))
_OF_BOTH = (*_OF_MOMENT, Overload((DURATION,), INT))


def _part(name: str, doc: str, read: Any, both: bool = False) -> Function:
    overloads = _OF_BOTH if both else _OF_MOMENT
    return Function(name, "Times", doc, overloads, read, Form.METHOD, literal={1: moments.zone})


def _day_of_year(moment: datetime) -> int:
    return moment.timetuple().tm_yday - 1


TIMES = (
    _part("getFullYear", "the year, in UTC or the named time zone (a literal)", moments.part(lambda m: m.year)),
    _part("getMonth", "the month from 0", moments.part(lambda m: m.month - 1)),
    _part("getDate", "the day of the month from 1", moments.part(lambda m: m.day)),
    _part("getDayOfMonth", "the day of the month from 0", moments.part(lambda m: m.day - 1)),
    _part("getDayOfWeek", "the day of the week, Sunday is 0", moments.part(lambda m: m.isoweekday() % 7)),
    _part("getDayOfYear", "the day of the year from 0", moments.part(_day_of_year)),
    _part(
        "getHours",
        "the hour; of a duration, all of it in hours",
        moments.part_or_total(lambda m: m.hour, 3600 * SECOND),
        True,
    ),
    _part("getMinutes", "the minute, or in minutes", moments.part_or_total(lambda m: m.minute, 60 * SECOND), True),
    _part("getSeconds", "the second, or in seconds", moments.part_or_total(lambda m: m.second, SECOND), True),
    _part("getMilliseconds", "the milliseconds within the second", moments.milliseconds, True),
)
