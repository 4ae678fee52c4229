"""Anthropic Messages: an answer told as a stream, from the events of any provider.

Rule of this module: one block at a time. What belongs to another block than the open one is held until that is whole: a
text once anything else is said, a call once its arguments are. The message begins with the first block, so that what
was counted before stands in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from policyroute.dialects.anthropic import words
from policyroute.dialects.anthropic.message import read_usage
from policyroute.dialects.shapes import compact, count, dumps, loads, obj, text
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

_TEXT: Final = "text"
_THINKING: Final = "thinking"
_CALL: Final = "tool_use"

_STARTS: Final[dict[str, dict[str, Any]]] = {
    _TEXT: {"type": "text", "text": ""},
    _THINKING: {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTAS: Final = {
    _TEXT: b'"delta":{"type":"text_delta","text":',
    _THINKING: b'"delta":{"type":"thinking_delta","thinking":',
    _CALL: b'"delta":{"type":"input_json_delta","partial_json":',
}
_DELTA: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
_DELTA_END: Final = b"}}\n\n"


class _Block:
    """A block of the message. `held` is what is not told of it yet; of a call, `said` is all of its arguments."""

    __slots__ = ("begun", "held", "kind", "said", "start", "told")

    def __init__(self, kind: str, start: dict[str, Any]) -> None:
        self.kind = kind
        self.start = start
        self.begun = self.told = False
        self.held: list[str] = []
        self.said: list[str] = []

    def whole(self) -> bool:
        """Whether nothing can be missing of it, once another block has begun."""
        if self.kind != _CALL:
            return True
        said = "".join(self.said)
        return said.rstrip().endswith("}") and loads(said) is not None

    def next(self) -> str:
        """What can be told of it now. Arguments are, once they are seen to be an object's."""
        said = "".join(self.held)
        if self.kind == _CALL and not self.told and not said.lstrip().startswith("{"):
            return ""
        self.held.clear()
        self.told = self.told or bool(said)
        return said

    def rest(self) -> str:
        """What is left to tell at its end: arguments that are no object, or none."""
        return compact(arguments("".join(self.held).strip())) if self.kind == _CALL and not self.told else ""


class MessageWriter:
    """The `StreamWriter` of `anthropic`."""

    def __init__(self, frame: Frame) -> None:
        self.lost: set[str] = set()
        self._frame = frame
        self._model = frame.model
        self._usage = Usage(0, 0)
        self._reason: FinishReason | None = None
        self._refused = False
        self._begun = False
        self._index = 0
        self._blocks: deque[_Block] = deque()  # the first is the open one
        self._calls: dict[int, _Block] = {}
        self._word = b""  # what comes before each word, while a text is open and nothing is held
        self._told: set[str] = set()  # of a message that others began: the events that end it
        self._called = False

    def recall(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "message_start":
                self._begun = True
                self._usage = read_usage(obj(obj(event.get("message")).get("usage")))
            case "content_block_start":
                self._index = count(event.get("index"))
                start = obj(event.get("content_block"))
                block = _Block(text(start.get("type")), start)
                block.begun = block.told = True
                self._called = self._called or block.kind == _CALL
                self._blocks = deque([block])
            case "content_block_delta" if self._blocks:
                self._blocks[0].said.append(text(obj(event.get("delta")).get("partial_json")))
            case "content_block_stop":
                self._blocks.clear()
                self._index = count(event.get("index")) + 1
            case "message_delta" | "message_stop":
                self._told.add(text(event.get("type")))
            case _:
                pass

    def write(self, events: Iterable[StreamEvent]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if self._word and isinstance(event, TextDelta) and event.text and not event.choice:
                out.append(self._word + dumps(event.text) + _DELTA_END)
            else:
                self._tell(event, out)
        return b"".join(out)

    def end(self) -> bytes:
        out: list[bytes] = []
        while self._blocks:
            self._flush(out)
            self._close(out)
        self._begin(out)
        if "message_delta" not in self._told:
            reason = words.stop_reason(self._reason, called=self._called, refused=self._refused)
            delta = {"stop_reason": reason, "stop_sequence": None}
            out.append(_event("message_delta", {"delta": delta, "usage": words.counted(self._usage)}))
        if "message_stop" not in self._told:
            out.append(_event("message_stop", {}))
        return b"".join(out)

    def _tell(self, event: StreamEvent, out: list[bytes]) -> None:
        if getattr(event, "choice", 0):
            self.lost.add("choices")
            return
        match event:
            case TextDelta():
                self._say(_TEXT, event.text, out)
            case ReasoningDelta():
                self._say(_THINKING, event.text, out)
            case ToolCallDelta():
                self._call(event, out)
            case RefusalDelta():
                self._refused = True
                self._say(_TEXT, event.text, out)
            case OtherContent():
                self.lost.add(event.kind)
            case _:
                self._note(event)

    def _note(self, event: StreamEvent) -> None:
        """What is told when its time comes."""
        match event:
            case Started():
                self._model = event.model or self._model
            case Usage():
                self._usage = event
            case Finished():
                self._reason = event.reason
            case _:
                pass

    def _say(self, kind: str, said: str, out: list[bytes]) -> None:
        if not said:
            return
        if not self._blocks or self._blocks[-1].kind != kind:
            self._add(_Block(kind, _STARTS[kind]))
        self._blocks[-1].held.append(said)
        self._advance(out)

    def _call(self, event: ToolCallDelta, out: list[bytes]) -> None:
        block = self._calls.get(event.index)
        self._called = True
        if block is None:
            id_ = words.call_id(event, self._frame)
            block = _Block(_CALL, {"type": "tool_use", "id": id_, "name": event.name or "", "input": {}})
            self._calls[event.index] = block
            self._add(block)
        elif block not in self._blocks:
            if event.arguments.strip():
                self.lost.add("tool_calls")
            return
        block.held.append(event.arguments)
        block.said.append(event.arguments)
        self._advance(out)

    def _add(self, block: _Block) -> None:
        self._blocks.append(block)
        self._word = b""

    def _advance(self, out: list[bytes]) -> None:
        self._flush(out)
        while len(self._blocks) > 1 and self._blocks[0].whole():
            self._close(out)
            self._flush(out)

    def _flush(self, out: list[bytes]) -> None:
        """Tell what can be told of the open block."""
        block = self._blocks[0]
        if not block.begun:
            self._begin(out)
            block.begun = True
            out.append(_event("content_block_start", {"index": self._index, "content_block": block.start}))
        if block.kind == _TEXT and len(self._blocks) == 1:
            self._word = _DELTA % self._index + _DELTAS[_TEXT]
        self._delta(block, block.next(), out)

    def _close(self, out: list[bytes]) -> None:
        block = self._blocks.popleft()
        self._delta(block, block.rest(), out)
        out.append(_event("content_block_stop", {"index": self._index}))
        self._index += 1
        self._word = b""

    def _delta(self, block: _Block, said: str, out: list[bytes]) -> None:
        if said:
            out.append(_DELTA % self._index + _DELTAS[block.kind] + dumps(said) + _DELTA_END)

    def _begin(self, out: list[bytes]) -> None:
        if not self._begun:
            self._begun = True
            out.append(_event("message_start", {"message": words.message(self._frame, self._model, self._usage)}))


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {compact({'type': name, **fields})}\n\n".encode()
