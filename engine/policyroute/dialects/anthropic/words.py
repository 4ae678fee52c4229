"""Anthropic Messages: how an answer is spelt, streamed and whole.

Rule of this module: the values that both tell alike. Input is counted beside what was cached.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.translation import Frame
from policyroute.events import FinishReason, ToolCallDelta, Usage

STOPS: Final = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
    FinishReason.REFUSAL: "refusal",
    FinishReason.ERROR: "end_turn",
}


def stop_reason(reason: FinishReason | None, *, called: bool, refused: bool) -> str:
    """Whatever the provider called it: an answer that calls waits for results, one that refuses has refused."""
    told = STOPS[reason or FinishReason.STOP]
    if told == "end_turn" and (called or refused):
        return "tool_use" if called else "refusal"
    return told


def message(frame: Frame, model: str, usage: Usage) -> dict[str, Any]:
    """A message that has no content yet."""
    return {
        "id": f"msg_{frame.id}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": counted(usage),
    }


def counted(usage: Usage) -> dict[str, Any]:
    """Some providers say that more was cached than was asked: the whole stays the whole."""
    cached = min(usage.cached_input, usage.input)
    written = min(usage.cache_write, usage.input - cached)
    counts: dict[str, Any] = {
        "input_tokens": usage.input - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts


def call_id(call: ToolCallDelta, frame: Frame) -> str:
    return call.id or f"toolu_{frame.id}{call.index}"
