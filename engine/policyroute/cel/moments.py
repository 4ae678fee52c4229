"""Parts of timestamps and durations: `t.getHours("Europe/Berlin")`, `d.getSeconds()`.

Rule of this module: a time zone is a literal, looked up once, when a policy is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from policyroute.cel.expression import EvaluationError
from policyroute.cel.values import SECOND, Duration, Timestamp, offset_seconds

_OFFSET = re.compile(r"[+-]?[0-9]{2}:[0-9]{2}")


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """`UTC`, `+02:00` or `Europe/Berlin`. Raises ValueError."""
    if _OFFSET.fullmatch(name):
        return timezone(timedelta(seconds=offset_seconds(name)))
    if name in ("", "UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError("no such time zone: write it as in Europe/Berlin or +02:00") from None


def _moment(value: Timestamp, where: tzinfo) -> datetime:
    try:
        return value.utc().astimezone(where)
    except OverflowError:
        raise EvaluationError("range") from None


def part(of_moment: Callable[[datetime], int]) -> Callable[..., int]:
    """An accessor for timestamps, from what it reads of the local date and time."""

    def read(value: Timestamp, where: tzinfo = UTC) -> int:
        return of_moment(_moment(value, where))

    return read


def part_or_total(of_moment: Callable[[datetime], int], unit: int) -> Callable[..., int]:
    """An accessor that for a duration gives the whole of it in `unit` nanoseconds, towards zero."""

    def read(value: Timestamp | Duration, where: tzinfo = UTC) -> int:
        if isinstance(value, Timestamp):
            return of_moment(_moment(value, where))
        total = abs(int(value)) // unit
        return -total if value < 0 else total

    return read


def milliseconds(value: Timestamp | Duration, where: tzinfo = UTC) -> int:
    """The milliseconds within the second, of either."""
    if isinstance(value, Timestamp):
        return _moment(value, where).microsecond // 1000
    rest = abs(int(value)) % SECOND // 10**6
    return -rest if value < 0 else rest
