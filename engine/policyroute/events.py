"""What a provider says, in no provider's words: the stream vocabulary that every dialect reads and writes.

Plain slotted objects: one is made per stream delta, and a frozen dataclass costs four times as much to make.
They are never changed after they were made. `extra` is what only the dialect that was read has words for, by the names
it has there: of a whole answer all that is left, so that the same dialect can say it again; of a stream nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from policyroute.failures import Failure


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    ERROR = "error"


REFUSING: Final = frozenset({FinishReason.REFUSAL, FinishReason.CONTENT_FILTER})
"""Ends that say that the model, or a filter, would not answer."""


@dataclass(slots=True)
class Started:
    """The provider began to answer: its id and the model it says it is. Not semantic: it commits nothing."""

    id: str
    model: str
    extra: Mapping[str, Any] | None = None


@dataclass(slots=True)
class TextDelta:
    text: str
    choice: int = 0
    extra: Mapping[str, Any] | None = None


@dataclass(slots=True)
class ReasoningDelta:
    text: str
    choice: int = 0
    extra: Mapping[str, Any] | None = None


@dataclass(slots=True)
class RefusalDelta:
    text: str
    choice: int = 0
    extra: Mapping[str, Any] | None = None


@dataclass(slots=True)
class ToolCallDelta:
    """A part of tool call `index`. `id` and `name` come once, with the first part; `arguments` is JSON text."""

    index: int
    id: str | None
    name: str | None
    arguments: str
    choice: int = 0
    extra: Mapping[str, Any] | None = None


@dataclass(slots=True)
class OtherContent:
    """A part of the answer that only its own dialect has words for: vectors, a count, audio, a tool that the provider
    ran. `kind` is that dialect's name of it, `raw` (of a whole answer) the part as it came."""

    kind: str
    choice: int = 0
    raw: Any = None


@dataclass(slots=True)
class Usage:
    """Tokens of one attempt. `input` includes cached and cache-written tokens, `output` includes reasoning. `tier` is
    the service tier that it was served at, by the provider's name for it; empty where nothing was said."""

    input: int
    output: int
    cached_input: int = 0
    cache_write: int = 0
    reasoning: int = 0
    extra: Mapping[str, Any] | None = None
    tier: str = field(default="", compare=False)


@dataclass(slots=True)
class Finished:
    """One choice is complete. The answer is complete when every choice that began has finished."""

    reason: FinishReason
    choice: int = 0
    extra: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Broken:
    """The provider reported an error inside the stream, or sent what cannot be read."""

    failure: Failure


StreamEvent = (
    Started | TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | OtherContent | Usage | Finished | Broken
)

SEMANTIC = (TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta, OtherContent)
"""The events that commit an answer to the client: before the first of them a failure is an invisible swap."""
