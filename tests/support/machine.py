"""What tests of the failover machine have in common: a fallback and limits, and what it commands in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from policyroute.decide.decision import Candidate
from policyroute.decide.resolved import ResolvedFallback, ResolvedLimits
from policyroute.exchange.commands import Cancel, Command, Done, Emit, Open
from policyroute.failures import DEFAULT_AFTER

Make = Callable[..., Candidate]

FALLBACK: Final = ResolvedFallback(DEFAULT_AFTER, retries=0, max_swaps=2, max_attempts=4, swap_delay=0.0)
LIMITS: Final = ResolvedLimits(connect=3.0, ttft=20.0, idle=30.0, total=600.0)


def anybody(candidate: Candidate, now: float) -> None:
    """May be asked."""
    del candidate, now


def said(commands: Sequence[Command]) -> list[str]:
    words: list[str] = []
    for command in commands:
        match command:
            case Open(attempt=attempt):
                words.append(f"open {attempt.candidate.target}")
            case Cancel():
                words.append("cancel")
            case Emit(raw=raw):
                words.append(f"emit {raw.decode()}")
            case Done(record=record, denied=denied):
                words.append(f"done {record.outcome}" + (f" {denied.code}" if denied else ""))
            case _:
                pass
    return words
