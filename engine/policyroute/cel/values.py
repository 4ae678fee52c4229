"""CEL values that Python has no class for.

Rule of this module: values are immutable and hashable. `UInt`, `Duration` and `Timestamp` are ints inside, so that
comparing two of a kind costs what comparing ints costs; what may be mixed with what is decided by `operations`, which
goes by exact class, never by what Python would allow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar, Self

SECOND = 1_000_000_000

_UNITS = {
    "h": 3600 * SECOND,
    "m": 60 * SECOND,
    "s": SECOND,
    "ms": 10**6,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ns": 1,
}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)")
_DURATION = re.compile(rf"[+-]?(?:0|(?:{_PART.pattern})+)")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UInt(int):
    """An unsigned 64-bit integer."""

    __slots__ = ()

    MAX: ClassVar[int] = 2**64 - 1

    def __repr__(self) -> str:
        return f"{int(self)}u"


class Duration(int):
    """A span of time in nanoseconds, within a signed 64-bit integer (about 292 years)."""

    __slots__ = ()

    MIN: ClassVar[int] = -(2**63)
    MAX: ClassVar[int] = 2**63 - 1

    @classmethod
    def of(cls, seconds: float) -> Self:
        """From seconds; what is too long for a duration (an endless wait) becomes the longest one."""
        if seconds >= cls.MAX / SECOND:
            return cls(cls.MAX)
        return cls(round(seconds * SECOND))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Go's notation: `1500ms`, `1h30m`, `-1.5s`, `0`. Raises ValueError."""
        if not _DURATION.fullmatch(text):
            raise ValueError("not a duration: write a number and a unit (h, m, s, ms, us, ns), as in 1500ms or 1h30m")
        total = sum(_scaled(number, _UNITS[unit]) for number, unit in _PART.findall(text))
        nanoseconds = -total if text.startswith("-") else total
        if not cls.MIN <= nanoseconds <= cls.MAX:
            raise ValueError("duration out of range")
        return cls(nanoseconds)

    @property
    def seconds(self) -> float:
        return int(self) / SECOND

    def __str__(self) -> str:
        """Seconds, as CEL writes them: `1.5s`."""
        whole, rest = divmod(abs(int(self)), SECOND)
        fraction = f".{rest:09d}".rstrip("0") if rest else ""
        return f"{'-' if self < 0 else ''}{whole}{fraction}s"

    def __repr__(self) -> str:
        return f'duration("{self}")'


class Timestamp(int):
    """A moment in nanoseconds since 1970-01-01T00:00:00Z, from year 1 to year 9999."""

    __slots__ = ()

    MIN: ClassVar[int] = (date.min.toordinal() - _EPOCH_DAY) * 86400 * SECOND
    MAX: ClassVar[int] = (date.max.toordinal() + 1 - _EPOCH_DAY) * 86400 * SECOND - 1

    @classmethod
    def of(cls, seconds: float) -> Self:
        """From seconds since the epoch."""
        return cls(round(seconds * SECOND))

    @classmethod
    def parse(cls, text: str) -> Self:
        """RFC 3339: `2026-03-01T12:00:00Z`. Raises ValueError."""
        found = _TIMESTAMP.fullmatch(text)
        if not found:
            raise ValueError("not a timestamp: write it as in 2026-03-01T12:00:00Z")
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError("not a timestamp: no such time of day")
        days = date(year, month, day).toordinal() - _EPOCH_DAY
        seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset_seconds(found[8])
        nanoseconds = seconds * SECOND + int((found[7] or "0").ljust(9, "0")[:9])
        if not cls.MIN <= nanoseconds <= cls.MAX:
            raise ValueError("timestamp out of range")
        return cls(nanoseconds)

    def utc(self) -> datetime:
        """To the microsecond."""
        return _EPOCH + timedelta(microseconds=int(self) // 1000)

    def __str__(self) -> str:
        """RFC 3339 in UTC."""
        rest = int(self) % SECOND
        fraction = f".{rest:09d}".rstrip("0") if rest else ""
        moment = self.utc()
        return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}{fraction}Z"

    def __repr__(self) -> str:
        return f'timestamp("{self}")'


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type as a value: what `type(x)` gives and what `int` alone means."""

    name: str

    def __str__(self) -> str:
        return self.name


class TotalMap(dict[str, str]):
    """A map of strings in which every key is present: an absent one reads `""`. Presence is `key in map`."""

    __slots__ = ()

    def __missing__(self, key: str) -> str:
        return ""


def offset_seconds(text: str) -> int:
    """Seconds east of UTC of `Z`, `+01:30`, `-02:00` or `02:00`. Raises ValueError."""
    if text in ("Z", "z"):
        return 0
    sign = -1 if text.startswith("-") else 1
    hours, minutes = (int(part) for part in text.lstrip("+-").split(":"))
    if hours > 23 or minutes > 59:
        raise ValueError("not a time zone: no such offset")
    return sign * (hours * 3600 + minutes * 60)


def _scaled(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    return int(whole or "0") * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
