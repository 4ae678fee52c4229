"""How an attempt at a provider fails, as values: trouble upstream is data, never an exception.

The kinds are those of the product's documentation (docs/failures.md).
Rule of this module: it knows nothing of any dialect.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FailureKind(StrEnum):
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    OVERLOADED = "overloaded"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_TTFT = "timeout_ttft"
    TIMEOUT_IDLE = "timeout_idle"
    TIMEOUT_TOTAL = "timeout_total"
    CONTEXT_OVERFLOW = "context_overflow"
    AUTH = "auth"
    CONTENT_FILTERED = "content_filtered"
    REFUSED = "refused"
    INVALID_REQUEST = "invalid_request"
    MODEL_NOT_FOUND = "model_not_found"
    SCHEMA_INVALID = "schema_invalid"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    STREAM_BROKEN = "stream_broken"
    UNAVAILABLE = "unavailable"


KINDS: Final = frozenset(kind.value for kind in FailureKind)
"""All of them, as they are written in policies, records and logs."""

GROUPS: dict[str, frozenset[FailureKind]] = {
    "timeout": frozenset({FailureKind.TIMEOUT_CONNECT, FailureKind.TIMEOUT_TTFT, FailureKind.TIMEOUT_IDLE}),
}
"""Names that stand for several kinds in `fallback.after`."""

DEFAULT_AFTER: frozenset[FailureKind] = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.QUOTA_EXHAUSTED,
        FailureKind.OVERLOADED,
        *GROUPS["timeout"],
        FailureKind.UNAVAILABLE,
        FailureKind.STREAM_BROKEN,
        FailureKind.AUTH,
        FailureKind.EMPTY,
        FailureKind.CONTEXT_OVERFLOW,
    }
)
"""What `fallback.after` means where no rule sets it."""

REFUSALS: Final = frozenset({FailureKind.REFUSED, FailureKind.CONTENT_FILTERED})
"""The model, or a filter, would not answer."""

DOMAIN_DOWN: Final = "domain_down"
"""The code of a candidate that nobody asked, since what it shares with others is down."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt's end in trouble.

    `message` is our own words or the provider's error message with secrets removed; it may go to the client, never to
    a log. `status` is the HTTP status received, if any; `retry_after` seconds; `code` the provider's own code.
    `client_key`: it is about a key of the caller's own, not one of ours. `unmet`: what the client is told where only a
    quality floor keeps others from being asked; empty where none does.
    """

    kind: FailureKind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    client_key: bool = False
    unmet: str = ""
