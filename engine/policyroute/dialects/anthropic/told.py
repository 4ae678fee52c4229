"""Anthropic Messages: an answer told at once, from the events of any provider.

Rule of this module: what is left in an event is of this dialect, and wins. An event that has anything left, be it
nothing, is a block of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from policyroute.dialects.anthropic import words
from policyroute.dialects.extras import changed
from policyroute.dialects.shapes import dumps, obj
from policyroute.dialects.translation import Frame
from policyroute.dialects.turns import arguments
from policyroute.events import (
    Finished,
    FinishReason,
    OtherContent,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.request.prompt import Extra

_SAID: Final = {"text": "text", "thinking": "thinking", "tool_use": "input"}
"""Block -> where what is said stands in it."""


class _Block:
    """A block of the answer, and what was said in it. One of no kind of ours is its fields."""

    def __init__(self, kind: str, fields: dict[str, Any], extra: Extra | None) -> None:
        self.kind = kind
        self.fields = {"type": kind, **fields} if kind else fields
        self.extra = extra
        self.said: list[str] = []

    def as_json(self) -> dict[str, Any]:
        name = _SAID.get(self.kind)
        if name is None:
            return self.fields
        said = "".join(self.said)
        block = {**self.fields, name: arguments(said.strip()) if name == "input" else said}
        return changed(block, self.extra)


class _Answer:
    def __init__(self, frame: Frame) -> None:
        self.lost: set[str] = set()
        self._frame = frame
        self._started = Started("", "")
        self._usage = Usage(0, 0)
        self._finished: Finished | None = None
        self._refused = False
        self._blocks: list[_Block] = []
        self._calls: dict[int, _Block] = {}

    def as_json(self) -> dict[str, Any]:
        message = words.message(self._frame, self._started.model or self._frame.model, self._usage)
        message["content"] = [block.as_json() for block in self._blocks]
        message["usage"] = changed(message["usage"], self._usage.extra)
        finished = self._finished or Finished(FinishReason.STOP)
        message["stop_reason"] = words.stop_reason(finished.reason, called=bool(self._calls), refused=self._refused)
        return changed(changed(message, self._started.extra), finished.extra)

    def add(self, event: StreamEvent) -> None:
        if getattr(event, "choice", 0):
            self.lost.add("choices")
            return
        match event:
            case TextDelta():
                self._say("text", event.text, event.extra)
            case RefusalDelta():
                self._refused = True
                self._say("text", event.text, event.extra)
            case ReasoningDelta():
                self._say("thinking", event.text, event.extra)
            case ToolCallDelta():
                self._call(event)
            case OtherContent():
                self._other(event)
            case _:
                self._note(event)

    def _note(self, event: StreamEvent) -> None:
        match event:
            case Started():
                self._started = event
            case Usage():
                self._usage = event
            case Finished():
                self._finished = event
            case _:
                pass

    def _say(self, kind: str, said: str, extra: Extra | None) -> None:
        if not said and extra is None:
            return
        last = self._blocks[-1] if self._blocks else None
        if last is None or last.kind != kind or extra is not None or last.extra is not None:
            last = _Block(kind, {"signature": ""} if kind == "thinking" else {}, extra)
            self._blocks.append(last)
        last.said.append(said)

    def _call(self, event: ToolCallDelta) -> None:
        block = self._calls.get(event.index)
        if block is None:
            id_ = words.call_id(event, self._frame)
            block = _Block("tool_use", {"id": id_, "name": event.name or ""}, event.extra)
            self._calls[event.index] = block
            self._blocks.append(block)
        block.said.append(event.arguments)

    def _other(self, event: OtherContent) -> None:
        if raw := obj(event.raw):
            self._blocks.append(_Block("", raw, None))
        else:
            self.lost.add(event.kind)


def whole(events: Sequence[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
    answer = _Answer(frame)
    for event in events:
        answer.add(event)
    return dumps(answer.as_json()), answer.lost
