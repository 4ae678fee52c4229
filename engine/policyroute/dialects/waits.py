"""How long a provider asks us to wait, from the many ways of saying so.

Rule of this module: seconds out, never negative, never more than a day; what cannot be read is None. `now` is epoch
seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = 86_400.0

_GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = r"(\d+(?:\.\d+)?)\s?(ms|milli[a-z]*|h|hours?|m|min(?:ute)?s?|s|sec(?:ond)?s?)(?![a-z])"
_PARTS = re.compile(_PART, re.IGNORECASE)
_IN_WORDS = re.compile(rf"\b(?:try again|retry)\s+(?:in|after)\s+((?:{_PART}\s?)+)", re.IGNORECASE)
_EPOCH_MS = 1e11
_EPOCH = 1e9


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """What `retry-after-ms` or `Retry-After` say. Header names are lower-case."""
    ms = _number(headers.get("retry-after-ms"))
    given = headers.get("retry-after")
    seconds = _number(given)
    if seconds is None and given:
        seconds = _date(given, now)
    if ms:
        return _bounded(ms / 1000)
    return seconds if seconds is None else _bounded(seconds)


def rate_limit_reset(headers: Mapping[str, str], now: float) -> float | None:
    """When the exhausted one of the `x-ratelimit-*` limits, however they are prefixed, is full again; of several, the
    last."""
    waits: list[float] = []
    for name, value in headers.items():
        prefix, _, kind = name.partition("reset")
        if not prefix.startswith(("x-ratelimit-", "ratelimit-", "ratelimitbysize-", "anthropic-ratelimit-")):
            continue
        remaining = headers.get(f"{prefix}remaining{kind}")
        wait = _reset(value, now)
        if wait is not None and (remaining is None or _number(remaining) == 0):
            waits.append(wait)
    return max(waits, default=None)


def in_words(message: str) -> float | None:
    """`Please try again in 6m0.5s`, `Retry after 20 seconds`: the last resort."""
    found = _IN_WORDS.search(message)
    if found is None:
        return None
    parts = _PARTS.findall(found.group(1).lower())
    return _bounded(
        sum(float(number) * _UNITS["ms" if unit.startswith(("ms", "milli")) else unit[0]] for number, unit in parts)
    )


def duration(given: str) -> float | None:
    """A duration as Go writes it: `1h2m`, `350ms`, `6m0s`."""
    parts = _GO_DURATION.findall(given)
    return _bounded(sum(float(number) * _UNITS[unit] for number, unit in parts)) if parts else None


def _reset(value: str, now: float) -> float | None:
    number = _number(value)
    if number is None:
        at = _moment(value)
        return duration(value) if at is None else _bounded(at - now)
    if number >= _EPOCH_MS:
        number = number / 1000 - now
    elif number >= _EPOCH:
        number -= now
    return _bounded(number)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(value: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _moment(value: str) -> float | None:
    """RFC 3339, in epoch seconds. A moment without a zone is nowhere."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST)
