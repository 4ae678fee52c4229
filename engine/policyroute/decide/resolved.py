"""What the rules that are merged key by key come to for one request, with the defaults filled in.

Rule of this module: values; `decide.merge` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policyroute.failures import DEFAULT_AFTER, FailureKind


@dataclass(frozen=True, slots=True)
class ResolvedFallback:
    after: frozenset[FailureKind] = DEFAULT_AFTER
    retries: int = 1
    max_swaps: int = 2
    max_attempts: int = 4
    swap_delay: float = 0.05
    on_unsupported: str = "adapt"
    on_overflow: str = "larger_window"
    mid_stream: str = "abort"

    @property
    def trims(self) -> bool:
        return self.on_overflow == "trim"

    @property
    def ends_with(self) -> tuple[str, ...]:
        """Why a first candidate may be out that nobody else is asked after."""
        unsupported = ("unsupported",) if self.on_unsupported == "error" else ()
        return (*unsupported, "context_window") if self.on_overflow == "error" else unsupported

    def as_json(self) -> dict[str, Any]:
        return {
            "after": sorted(self.after),
            "retries": self.retries,
            "max_swaps": self.max_swaps,
            "max_attempts": self.max_attempts,
            "swap_delay": self.swap_delay,
            "on_unsupported": self.on_unsupported,
            "on_overflow": self.on_overflow,
            "mid_stream": self.mid_stream,
        }


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a rule says that the answer has to fit."""

    rule: str
    file: str
    schema: Mapping[str, Any] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "file": self.file}


@dataclass(frozen=True, slots=True)
class ResolvedHold:
    """What of a streamed answer is kept back until it is whole."""

    tools: bool = False
    schema: bool = False
    max_bytes: int = 1_048_576

    def as_json(self) -> dict[str, Any]:
        return {"tools": self.tools, "schema": self.schema, "max_bytes": self.max_bytes}


@dataclass(frozen=True, slots=True)
class ResolvedResume:
    """What an attempt is told of those before it. `message` and `instruction` are None where the built-in ones do."""

    enabled: bool = True
    message: str | None = None
    instruction: str | None = None
    max_bytes: int = 8192

    def as_json(self) -> dict[str, Any]:
        """Without the texts, which are the policy's."""
        return {"enabled": self.enabled, "max_bytes": self.max_bytes}


@dataclass(frozen=True, slots=True)
class ResolvedLimits:
    """Seconds. `ttft` and `idle` apply to streams.

    A connection that takes 5 s will not come; a model may think for a minute before its first word and between two;
    and ten minutes is what the vendors' own SDKs wait for a whole answer.
    """

    connect: float = 5.0
    ttft: float = 60.0
    idle: float = 60.0
    total: float = 600.0

    def as_json(self) -> dict[str, Any]:
        return {"connect": self.connect, "ttft": self.ttft, "idle": self.idle, "total": self.total}


DEFAULT_FALLBACK: Final = ResolvedFallback()
DEFAULT_HOLD: Final = ResolvedHold()
DEFAULT_LIMITS: Final = ResolvedLimits()
DEFAULT_RESUME: Final = ResolvedResume()
