"""OpenAI Chat Completions, telling answers: a whole one.

Rule of this module: where an event has an `extra`, it was read from a whole answer of this dialect, and that is told as
it came; what the events say stays theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policyroute.absent import ABSENT
from policyroute.dialects.openai_chat.words import ID, Calls, older, reason, usage
from policyroute.dialects.shapes import dumps, obj
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


@dataclass
class _Choice:
    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    calls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    extras: list[Mapping[str, Any] | None] = field(default_factory=list[Mapping[str, Any] | None])
    ended: FinishReason = FinishReason.STOP
    extra: Mapping[str, Any] | None = None
    older: bool = False


def whole(events: Iterable[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
    telling = Telling(frame.id)
    for event in events:
        telling.add(event)
    own = telling.started.extra is not None
    if older(frame.request) and not own:
        telling.rename_calls()
    answer: dict[str, Any] = {
        "id": telling.started.id if own else ID + frame.id,
        "object": "chat.completion",
        "created": frame.created,
        "model": telling.started.model if own else telling.started.model or frame.model,
        **telling.body(),
    }
    return dumps(patched(answer, telling.started.extra)), telling.lost


class Telling:
    """Gathers the events of one answer."""

    def __init__(self, frame_id: str = "") -> None:
        self.lost: set[str] = set()
        self.started = Started("", "")
        self.choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._calls = Calls(frame_id)

    def add(self, event: StreamEvent) -> None:
        match event:
            case TextDelta(text, choice):
                self._add_text(choice, "content", text)
            case ReasoningDelta(text, choice, extra):
                self._add_text(choice, "reasoning" if extra else "reasoning_content", text)
            case RefusalDelta(text, choice):
                self._add_text(choice, "refusal", text)
            case ToolCallDelta():
                self._add_call(event)
            case Started():
                self.started = event
            case Usage():
                self._usage = event
            case Finished(ended, choice, extra):
                self._choice(choice).ended = ended
                self._choice(choice).extra = extra
            case OtherContent(kind, _, raw):
                if raw is None:
                    self.lost.add(kind)
            case _:
                pass

    def rename_calls(self) -> None:
        """To the one call that a client who declared `functions` reads."""
        for choice in self.choices.values():
            choice.older = True
            if len(choice.calls) > 1:
                self.lost.add("tool_calls")

    def body(self) -> dict[str, Any]:
        if not self.choices:
            self._choice(0)
        said: dict[str, Any] = {"choices": [_told(index, self.choices[index]) for index in sorted(self.choices)]}
        if self._usage is not None:
            said["usage"] = patched(usage(self._usage), self._usage.extra)
        return said

    def _choice(self, index: int) -> _Choice:
        return self.choices.setdefault(index, _Choice())

    def _add_text(self, choice: int, name: str, text: str) -> None:
        self._choice(choice).texts.setdefault(name, []).append(text)

    def _add_call(self, event: ToolCallDelta) -> None:
        choice = self._choice(event.choice)
        number, new = self._calls.number(event)
        if new:
            choice.calls.append(self._calls.begun(event))
            choice.extras.append(event.extra)
        else:
            choice.calls[number]["function"]["arguments"] += event.arguments


def _told(index: int, choice: _Choice) -> dict[str, Any]:
    said = {name: "".join(texts) for name, texts in choice.texts.items()}
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, **said}
    if choice.calls:
        called = [_called(*pair) for pair in zip(choice.calls, choice.extras, strict=True)]
        message |= {"function_call": called[0]["function"]} if choice.older else {"tool_calls": called}
    elif "refusal" not in said:
        message["content"] = said.get("content", "")
    word = reason(choice.ended, called=bool(choice.calls), refused="refusal" in said)
    if choice.older and word == "tool_calls":
        word = "function_call"
    told = {"index": index, "message": message, "logprobs": None, "finish_reason": word}
    return patched(told, choice.extra, "message")


def _called(call: dict[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    if extra is None and not call["function"]["arguments"]:
        call["function"]["arguments"] = "{}"
    return patched(call, extra, "function")


def patched(said: dict[str, Any], extra: Mapping[str, Any] | None, holder: str = "") -> dict[str, Any]:
    """What is said, and what else there was; `holder` names an object in it of which the same is true."""
    for name, value in (extra or {}).items():
        if value is ABSENT:
            said.pop(name, None)
        elif name == holder and isinstance(value, dict):
            said[name] = patched(said[name], obj(value))
        else:
            said[name] = value
    return said
