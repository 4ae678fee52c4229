"""One line of the request log, read.

Rule of this module: a line that is not one of a request is none, and never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from policyroute.failures import KINDS

NOWHERE: Final = ("-", "-")
"""The target and provider of a request that nobody was asked about."""

Place = tuple[str, str]
"""The names of a target and a provider."""


class Try(NamedTuple):
    """One attempt. Times are ms, `cost` is USD; None where nobody knows. `failure` is its kind, or empty."""

    place: Place
    failure: str
    ok: bool
    refused: bool
    ttft: float | None
    total: float | None
    input: int | None
    cached: int | None
    output: int | None
    cost: float | None


class Told(NamedTuple):
    """One request that was over at `at`, epoch seconds. `left` is who was its first choice, where somebody else was
    asked for its failure or rest, and `unswapped` what its tokens would have cost there, USD; `intact` whether its
    answer fits the schema."""

    at: float
    profile: str
    stream: bool
    completed: bool
    intact: bool | None
    cost: float | None
    left: Place | None
    unswapped: float | None
    tries: tuple[Try, ...]

    @property
    def hour(self) -> str:
        """UTC, as `2026-03-01T12`."""
        return _hour(int(self.at // 3600))

    @property
    def diverted(self) -> bool:
        """Whether the first choice was not even asked, since it rested."""
        return self.left is not None and self.tries[0].place != self.left


@lru_cache(maxsize=1024)
def _hour(number: int) -> str:
    return datetime.fromtimestamp(number * 3600, UTC).strftime("%Y-%m-%dT%H")


def read(fields: object) -> Told | None:
    """From the line's JSON. None where it is no request's."""
    try:
        return _told(cast(Mapping[str, Any], fields)) if isinstance(fields, dict) else None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _told(fields: Mapping[str, Any]) -> Told | None:
    if fields.get("event") != "llm_request":
        return None
    at = datetime.fromisoformat(fields["ts"])
    tries = tuple([_try(each) for each in fields["attempts"]])
    left = fields.get("swapped_from") if tries else None
    return Told(
        (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp(),
        str(fields.get("profile") or "-"),
        bool(fields["stream"]),
        bool(fields["completed"]),
        fields.get("schema_intact"),
        _number(fields.get("cost_usd")),
        _place(left) if left is not None else None,
        _number(fields.get("est_unswapped_usd")),
        tries,
    )


def _try(fields: Mapping[str, Any]) -> Try:
    outcome = fields["outcome"]
    return Try(
        _place(fields),
        outcome if outcome in KINDS else "",
        outcome == "ok",
        bool(fields.get("refused")),
        _number(fields.get("ttft_ms")),
        _number(fields.get("total_ms")),
        _whole(fields.get("input_tokens")),
        _whole(fields.get("cached_input_tokens")),
        _whole(fields.get("output_tokens")),
        _number(fields.get("cost_usd")),
    )


def _place(fields: Mapping[str, Any]) -> Place:
    return str(fields["target"]), str(fields["provider"])


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
