"""Anthropic Messages: a whole answer as events that keep all of it, so that it can be told again as it was.

Rule of this module: for an answer that was read and is complete. What is left stands where `told` looks for it.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.dialects.anthropic import words
from policyroute.dialects.anthropic.message import read_usage
from policyroute.dialects.extras import difference
from policyroute.dialects.shapes import compact, items, obj, text, without
from policyroute.events import (
    Finished,
    FinishReason,
    OtherContent,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)

_ALWAYS: Final = ("id", "type", "role", "model", "content", "stop_sequence", "usage")
"""What is told even where the answer did not say it."""


def read_everything(message: dict[str, Any], reason: FinishReason) -> list[StreamEvent]:
    left = without(message, "model", "content", "usage", "stop_reason")
    left |= {name: ABSENT for name in _ALWAYS if name not in message}
    events: list[StreamEvent] = [Started(text(message.get("id")), text(message.get("model")), left)]
    if counts := obj(message.get("usage")):
        usage = read_usage(counts)
        usage.extra = difference(words.counted(usage), counts)
        events.append(usage)
    calls = 0
    for raw in items(message.get("content")):
        event = _block(obj(raw), calls)
        calls += isinstance(event, ToolCallDelta)
        events.append(event)
    given = {"stop_reason": message.get("stop_reason", ABSENT)}
    events.append(Finished(reason, extra=difference({"stop_reason": words.STOPS[reason]}, given)))
    return events


def _block(block: dict[str, Any], calls: int) -> StreamEvent:
    kind = text(block.get("type"))
    if kind == "text":
        return TextDelta(text(block.get("text")), extra=without(block, "type", "text"))
    if kind == "thinking":
        thought = text(block.get("thinking"))
        return ReasoningDelta(thought, extra=difference({"type": kind, "thinking": thought, "signature": ""}, block))
    if kind == "tool_use":
        said = compact(obj(block.get("input")))
        left = without(block, "type", "id", "name", "input")
        return ToolCallDelta(calls, text(block.get("id")), text(block.get("name")), said, extra=left)
    return OtherContent(kind, raw=block)
