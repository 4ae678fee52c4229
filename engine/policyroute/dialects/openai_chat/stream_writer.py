"""OpenAI Chat Completions, telling answers: a stream.

Rule of this module: one id, one model; of each choice one role, first, and one end, last. An end is told when the
answer is complete, as what belongs before it may come after it. Nearly every event is a word: what stands around it is
made once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from policyroute.dialects.openai_chat.words import ID, Calls, older, reason, usage, wants_usage
from policyroute.dialects.shapes import count, dumps, items, obj
from policyroute.dialects.translation import Frame
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

_WORDS: Final = (TextDelta, ReasoningDelta, RefusalDelta)
_NAMES: Final[dict[type[Any], str]] = dict(zip(_WORDS, ("content", "reasoning_content", "refusal"), strict=True))
_HEAD: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
"""What every chunk of an answer repeats."""
_AFTER: Final = b'},"finish_reason":null}]}\n\n'


class ChatWriter:
    """The `StreamWriter` of `openai_chat`."""

    def __init__(self, frame: Frame) -> None:
        self.lost: set[str] = set()
        self._frame = frame
        self._model = ""
        self._head = b""
        self._known: dict[str, Any] = {}  # of that, what others said first
        self._before: dict[tuple[type[Any], int], bytes] = {}
        self._begun: dict[int, None] = {}
        self._ended: dict[int, FinishReason] = {}
        self._refused: set[int] = set()
        self._calls = Calls(frame.id)
        self._older = older(frame.request)
        self._silent: dict[tuple[int, int], None] = {}
        self._usage: Usage | None = None
        self._told: set[int] = set()  # choices whose end the client knows
        self._over = False

    def recall(self, chunk: dict[str, Any]) -> None:
        """Some say nothing in their first chunk, and some tell the usage so far in each."""
        self._known = {name: chunk[name] for name in _HEAD if chunk.get(name)} | self._known
        for choice in map(obj, items(chunk.get("choices"))):
            index, delta = count(choice.get("index")), obj(choice.get("delta"))
            self._begun[index] = None
            if choice.get("finish_reason") is not None:
                self._told.add(index)
            if delta.get("refusal"):
                self._refused.add(index)
            for call in [{}] if delta.get("function_call") else map(obj, items(delta.get("tool_calls"))):
                self._calls.told(index, count(call.get("index")))
        if chunk.get("usage") and self._begun and self._begun.keys() <= self._told:
            self._over = True

    def write(self, events: Iterable[StreamEvent]) -> bytes:
        told: list[bytes] = []
        before = self._before
        for event in events:
            if isinstance(event, _WORDS):
                kind = event.__class__
                opening = before.get((kind, event.choice)) or self._opening(kind, event.choice, told)
                told += (opening, dumps(event.text), _AFTER)
            else:
                self._other(event, told)
        return b"".join(told)

    def end(self) -> bytes:
        told: list[bytes] = []
        for choice in sorted(self._begun.keys() | self._ended.keys()) or [0]:
            if choice not in self._told:
                self._begin(choice, told)
                self._end(choice, told)
        if self._usage is not None and not self._over and wants_usage(self._frame.request):
            told += (self._start(), b'[],"usage":', dumps(usage(self._usage)), b"}\n\n")
        told.append(b"data: [DONE]\n\n")
        return b"".join(told)

    def _other(self, event: StreamEvent, told: list[bytes]) -> None:
        match event:
            case ToolCallDelta():
                self._call(event, told)
            case Started(_, model):
                self._model = self._model or model
            case Usage():
                self._usage = event
            case Finished(said, choice):
                self._ended.setdefault(choice, said)
            case OtherContent(kind):
                self.lost.add(kind)
            case _:
                pass

    def _call(self, event: ToolCallDelta, told: list[bytes]) -> None:
        number, new = self._calls.number(event)
        call: dict[str, Any] = {"index": number}
        if new:
            call |= self._calls.begun(event)
            self._silent[event.choice, number] = None
        elif event.arguments:
            call["function"] = {"arguments": event.arguments}
        else:
            return
        if event.arguments:
            self._silent.pop((event.choice, number), None)
        self._tell_call(event.choice, call, told)

    def _tell_call(self, choice: int, call: dict[str, Any], told: list[bytes]) -> None:
        if not self._older:
            self._delta(choice, {"tool_calls": [call]}, told)
        elif call["index"] == 0:
            self._delta(choice, {"function_call": call["function"]}, told)
        else:
            self.lost.add("tool_calls")

    def _end(self, choice: int, told: list[bytes]) -> None:
        """Arguments that never came are those of an object with nothing in it."""
        for _, number in [key for key in self._silent if key[0] == choice]:
            self._tell_call(choice, {"index": number, "function": {"arguments": "{}"}}, told)
        said = self._ended.get(choice, FinishReason.STOP)
        word = reason(said, called=self._calls.any(choice), refused=choice in self._refused)
        if self._older and word == "tool_calls":
            word = "function_call"
        told += (self._start(), dumps([{"index": choice, "delta": {}, "finish_reason": word}]), b"}\n\n")

    def _opening(self, kind: type[Any], choice: int, told: list[bytes]) -> bytes:
        """What stands before a text of this kind, made with the first of them."""
        self._begin(choice, told)
        if kind is RefusalDelta:
            self._refused.add(choice)
        opening = self._start() + b'[{"index":%d,"delta":{"%s":' % (choice, _NAMES[kind].encode())
        self._before[kind, choice] = opening
        return opening

    def _begin(self, choice: int, told: list[bytes]) -> None:
        if choice not in self._begun:
            self._begun[choice] = None
            self._delta(choice, {"role": "assistant", "content": ""}, told)

    def _delta(self, choice: int, delta: dict[str, Any], told: list[bytes]) -> None:
        self._begin(choice, told)
        told += (self._start(), b'[{"index":%d,"delta":' % choice, dumps(delta), _AFTER[1:])

    def _start(self) -> bytes:
        """What every chunk begins with. The model is the one known when the first is told."""
        if not self._head:
            frame = self._frame
            head = {
                "id": ID + frame.id,
                "object": "chat.completion.chunk",
                "created": frame.created,
                "model": self._model or frame.model,
                **self._known,
            }
            self._head = b"data: " + dumps(head)[:-1] + b',"choices":'
        return self._head
