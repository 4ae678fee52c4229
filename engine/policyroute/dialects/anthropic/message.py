"""Anthropic Messages, the answer side: the events of a stream, or a whole answer, to ours.

Rule of this module: it knows the grammar (a message of blocks, one after the other) and nothing of bytes or framing.
Blocks that only this dialect has words for are `OtherContent`; pings, signatures and citations say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.dialects.errors import classify_object
from policyroute.dialects.shapes import compact, count, items, obj, text
from policyroute.events import (
    Broken,
    Finished,
    FinishReason,
    OtherContent,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)

_FINISH = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "pause_turn": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALLS,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.REFUSAL,
}


class MessageReader:
    """Turns events into ours, keeping what must not be said twice.

    `started` is set once a message began, `substance` once anything was answered; `finished` is how it ended, None
    until it has.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.finished: FinishReason | None = None
        self.substance = False
        self._secrets = secrets
        self.started = False
        self._stop_reason = ""
        self._reason: FinishReason | None = None
        self._usage: dict[str, Any] = {}
        self._calls: dict[int, int] = {}
        self._unsaid: dict[int, Any] = {}

    def read(self, event: dict[str, Any], events: list[StreamEvent]) -> bool:
        """Add what one event says. False where the last of that is a `Broken`."""
        kind = event.get("type")
        if kind == "content_block_delta":
            self._delta(_index(event), obj(event.get("delta")), events)
        elif kind == "error" or event.get("error"):
            events.append(Broken(classify_object(event, self._secrets)))
            return False
        elif kind == "content_block_start":
            self._block(_index(event), obj(event.get("content_block")), events)
        elif kind == "content_block_stop":
            self._close(_index(event), events)
        elif kind == "message_start":
            self._start(obj(event.get("message")), events)
        elif kind == "message_delta":
            self._stop_reason = text(obj(event.get("delta")).get("stop_reason")) or self._stop_reason
            self._count(event, events)
            if self._stop_reason:
                self._end(events)
        elif kind == "message_stop":
            self._end(events)
            self.finished = self._reason
        return True

    def read_whole(self, message: dict[str, Any], events: list[StreamEvent]) -> bool:
        """The same of an answer that came at once. False where it is an error."""
        if message.get("type") == "error" or message.get("error"):
            return self.read(message, events)
        self._start(message, events)
        for index, block in enumerate(items(message.get("content"))):
            self._block(index, obj(block), events)
            self._close(index, events)
        self._stop_reason = text(message.get("stop_reason"))
        self._end(events)
        self.finished = self._reason
        return True

    def _start(self, message: dict[str, Any], events: list[StreamEvent]) -> None:
        if not self.started:
            self.started = True
            events.append(Started(text(message.get("id")), text(message.get("model"))))
            self._count(message, events)

    def _block(self, index: int, block: dict[str, Any], events: list[StreamEvent]) -> None:
        kind = text(block.get("type"))
        if kind == "text":
            self._say(TextDelta(text(block.get("text"))), events)
        elif kind == "thinking":
            self._say(ReasoningDelta(text(block.get("thinking"))), events)
        elif kind == "tool_use":
            number = self._calls[index] = len(self._calls)
            self._unsaid[index] = block.get("input")
            self.substance = True
            events.append(ToolCallDelta(number, text(block.get("id")), text(block.get("name")), ""))
        elif kind and kind != "redacted_thinking":
            self.substance = True
            events.append(OtherContent(kind))

    def _delta(self, index: int, delta: dict[str, Any], events: list[StreamEvent]) -> None:
        kind = delta.get("type")
        if kind == "text_delta":
            self._say(TextDelta(text(delta.get("text"))), events)
        elif kind == "thinking_delta":
            self._say(ReasoningDelta(text(delta.get("thinking"))), events)
        elif index in self._calls and (said := text(delta.get("partial_json"))):
            self._unsaid.pop(index, None)
            events.append(ToolCallDelta(self._calls[index], None, None, said))

    def _say(self, delta: TextDelta | ReasoningDelta, events: list[StreamEvent]) -> None:
        if delta.text:
            self.substance = True
            events.append(delta)

    def _close(self, index: int, events: list[StreamEvent]) -> None:
        """Arguments that did not come in parts stand in the block itself."""
        if index in self._unsaid:
            events.append(ToolCallDelta(self._calls[index], None, None, compact(obj(self._unsaid.pop(index)))))

    def _count(self, holder: dict[str, Any], events: list[StreamEvent]) -> None:
        """Every count is the whole so far, and those that are not repeated still hold."""
        usage = obj(holder.get("usage"))
        if usage:
            self._usage |= {name: value for name, value in usage.items() if value is not None}
            events.append(read_usage(self._usage))

    def _end(self, events: list[StreamEvent]) -> None:
        """Why the answer ends is said before it does. Once."""
        if self._reason is not None:
            return
        # A reason nobody documented still says that the answer has ended.
        reason = _FINISH.get(self._stop_reason, FinishReason.STOP)
        if reason is FinishReason.STOP and self._calls:
            reason = FinishReason.TOOL_CALLS
        self._reason = reason
        events.append(Finished(reason))


def _index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def read_usage(usage: dict[str, Any]) -> Usage:
    """What was read from a cache or written to one is input as well, though it is counted beside it."""
    cached, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    thinking = count(obj(usage.get("output_tokens_details")).get("thinking_tokens"))
    asked = count(usage.get("input_tokens")) + cached + written
    tier = text(usage.get("service_tier"))
    return Usage(asked, count(usage.get("output_tokens")), cached, written, thinking, tier=tier)
