"""A provider's error to a `Failure`, whichever dialect it speaks: their shapes differ, and none is taken for another.

Rule of this module: what the provider says in structure decides, then the status, and words last and only whole ones; a
bare number in a text never means anything. docs/failures.md has the kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from policyroute.dialects import rpc, waits
from policyroute.dialects.scrub import scrub
from policyroute.dialects.shapes import items, obj, text
from policyroute.dialects.signs import (
    BAD_REQUEST_STATUSES,
    CODES,
    STATUSES,
    TYPES,
    never_fits,
    words_say,
)
from policyroute.failures import Failure, FailureKind

_WAITING = (FailureKind.RATE_LIMITED, FailureKind.OVERLOADED, FailureKind.QUOTA_EXHAUSTED, FailureKind.UNAVAILABLE)


def classify(status: int, headers: Mapping[str, str], body: bytes, now: float, secrets: Iterable[str] = ()) -> Failure:
    """An HTTP error answer as a Failure. `headers` names are lower-case, `now` epoch seconds, `secrets` never shown."""
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    code, kind_name, message = _read(parsed)
    told = rpc.details(_error(parsed), message)
    # AWS names an error in a header, with an address behind a colon.
    code = told.reason or code or headers.get("x-amzn-errortype", "").partition(":")[0]
    kind = told.kind or _kind(status, code, kind_name, message)
    wait = waits.retry_after(headers, now)
    if wait is None and kind in _WAITING:
        wait = told.wait
    if wait is None and kind is FailureKind.RATE_LIMITED:
        wait = waits.rate_limit_reset(headers, now)
    if wait is None and kind in _WAITING:
        wait = waits.in_words(message)
    return Failure(kind, _shown(message, status, secrets), status, scrub(code, secrets) or None, wait)


def classify_object(parsed: dict[str, Any], secrets: Iterable[str] = ()) -> Failure:
    """An error that came with status 200: inside a stream, or as the answer."""
    code, kind_name, message = _read(parsed)
    error = obj(parsed.get("error"))
    status = next(
        (number for number in (error.get("status_code"), error.get("status"), error.get("code")) if _http(number)), None
    )
    if status is None and code.isdigit() and _http(int(code)):
        status = int(code)
    told = rpc.details(error, message)
    code = told.reason or code
    kind = told.kind or _kind(status or 0, code, kind_name, message)
    wait = None
    if kind in _WAITING:
        wait = waits.in_words(message) if told.wait is None else told.wait
    return Failure(kind, _shown(message, status, secrets), status, scrub(code, secrets) or None, wait)


def _read(parsed: Any) -> tuple[str, str, str]:
    """(code, type, message) of the shapes in use: `{error: {}}`, `{error: ""}`, `{message}`, `{detail}`, in a list.

    Anthropic's `error` has its code in `details`, and mostly none: there the type is what an error is called.
    """
    top = _top(parsed)
    error = top.get("error")
    inner = obj(error)
    source = inner or top
    kind = text(source.get("type")) or text(source.get("status")) or text(source.get("error_type"))
    code = obj(source.get("details")).get("error_code") or source.get("code", top.get("code"))
    if not isinstance(code, str):
        code = str(code) if _http(code) else ""
    if not code and top.get("type") == "error":
        code = kind
    message = text(error) or text(source.get("message")) or text(top.get("message")) or text(top.get("detail"))
    nested = text(obj(source.get("innererror")).get("code"))
    return (nested if nested.lower() in CODES else code), kind, message


def _top(parsed: Any) -> dict[str, Any]:
    return obj(parsed) or obj(next(iter(items(parsed)), None))


def _error(parsed: Any) -> dict[str, Any]:
    return obj(_top(parsed).get("error"))


def _kind(status: int, code: str, kind_name: str, message: str) -> FailureKind:
    """`status` is 0 where there is none."""
    named = CODES.get(code.lower()) or CODES.get(kind_name.lower())
    if named is not None:
        # Alibaba calls a per-minute limit `insufficient_quota`; only its words tell.
        limited = named is FailureKind.QUOTA_EXHAUSTED and "allocated quota exceeded" in message.lower()
        if limited:
            return FailureKind.RATE_LIMITED
        return FailureKind.CONTEXT_OVERFLOW if named is FailureKind.RATE_LIMITED and never_fits(message) else named
    if status in BAD_REQUEST_STATUSES or not status:
        said = words_say(message)
        if said is not None:
            return said
    by_status = STATUSES.get(status)
    if by_status is not None:
        return by_status
    return TYPES.get(kind_name.lower()) or _by_class(status)


def _by_class(status: int) -> FailureKind:
    return FailureKind.INVALID_REQUEST if 400 <= status < 500 else FailureKind.UNAVAILABLE


def _http(number: Any) -> bool:
    return isinstance(number, int) and 400 <= number < 600


def _shown(message: str, status: int | None, secrets: Iterable[str]) -> str:
    if message:
        return scrub(message, secrets)
    return f"The provider answered with status {status}." if status else "The provider reported an error."
