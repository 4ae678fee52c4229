"""Gemini: an answer of any provider, as a client of this dialect is told it.

Rule of this module: a part with an `extra` was read from this dialect and is told as it was; without one, adjacent
pieces of a text are one part. A call is one whole part, told when its choice has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from policyroute.dialects import turns
from policyroute.dialects.gemini.left import put_back
from policyroute.dialects.shapes import dumps
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

FINISH: Final[Mapping[FinishReason, str]] = {
    FinishReason.STOP: "STOP",
    FinishReason.TOOL_CALLS: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.CONTENT_FILTER: "SAFETY",
    FinishReason.REFUSAL: "SAFETY",
    FinishReason.ERROR: "OTHER",
}


class Calls:
    """The tool calls of one choice, whose arguments may come in pieces and mixed."""

    def __init__(self) -> None:
        self._calls: dict[int, ToolCallDelta] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, piece: ToolCallDelta) -> None:
        call = self._calls.get(piece.index)
        if call is None:
            self._calls[piece.index] = ToolCallDelta(piece.index, piece.id, piece.name, piece.arguments, piece.choice)
            return
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        call.arguments += piece.arguments

    def parts(self, frame: Frame) -> list[dict[str, Any]]:
        return [_called(call, call.id or f"call_{frame.id}{index}") for index, call in sorted(self._calls.items())]


def _called(call: ToolCallDelta, identity: str) -> dict[str, Any]:
    said: dict[str, Any] = {"id": identity} if identity else {}
    return {"functionCall": {**said, "name": call.name or "", "args": turns.arguments(call.arguments)}}


def usage_metadata(usage: Usage) -> dict[str, Any]:
    """What tools put into the prompt and what was thought are counted beside."""
    extra = usage.extra or {}
    said = {
        "promptTokenCount": usage.input - int(extra.get("toolUsePromptTokenCount") or 0),
        "candidatesTokenCount": usage.output - usage.reasoning,
    }
    if usage.extra is not None:
        said = {name: count for name, count in said.items() if count}
    if usage.reasoning:
        said["thoughtsTokenCount"] = usage.reasoning
    if usage.cached_input:
        said["cachedContentTokenCount"] = usage.cached_input
    return said | dict(extra) if usage.extra is not None else said | {"totalTokenCount": usage.input + usage.output}


@dataclass
class _Candidate:
    """One choice while it is put together. `joins` says whether the last part may be gone on with."""

    parts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    calls: Calls = field(default_factory=Calls)
    joins: bool = False
    finished: Finished | None = None

    def say(self, said: str, thought: bool, extra: Mapping[str, Any] | None) -> None:
        part: dict[str, Any] = {"text": said, "thought": True} if thought else {"text": said}
        if extra is not None:
            self.parts.append(put_back(part, extra))
        elif self.joins and ("thought" in self.parts[-1]) is thought:
            self.parts[-1]["text"] += said
        elif said:
            self.parts.append(part)
        else:
            return
        self.joins = extra is None

    def put(self, part: dict[str, Any]) -> None:
        self.parts.append(part)
        self.joins = False


def whole(events: Sequence[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
    answer = _Answer(frame)
    for event in events:
        answer.add(event)
    return dumps(answer.body()), answer.lost


class _Answer:
    def __init__(self, frame: Frame) -> None:
        self.lost: set[str] = set()
        self._frame = frame
        self._started = Started("", "")
        self._usage: Usage | None = None
        self._candidates: dict[int, _Candidate] = {}

    def add(self, event: StreamEvent) -> None:
        match event:
            case Started():
                self._started = event
            case Usage():
                self._usage = event
            case TextDelta(said, choice, extra) | RefusalDelta(said, choice, extra):
                self._candidate(choice).say(said, False, extra)
            case ReasoningDelta(said, choice, extra):
                self._candidate(choice).say(said, True, extra)
            case ToolCallDelta():
                self._call(event)
            case OtherContent():
                self._other(event)
            case Finished():
                self._candidate(event.choice).finished = event
            case _:
                pass

    def _candidate(self, choice: int) -> _Candidate:
        return self._candidates.setdefault(choice, _Candidate())

    def _call(self, call: ToolCallDelta) -> None:
        candidate = self._candidate(call.choice)
        if call.extra is None:
            candidate.calls.add(call)
        else:
            candidate.put(put_back(_called(call, call.id or ""), call.extra))

    def _other(self, other: OtherContent) -> None:
        if other.raw is None:
            self.lost.add(other.kind)
        else:
            self._candidate(other.choice).put(other.raw)

    def body(self) -> dict[str, Any]:
        own = self._started.extra is not None
        body: dict[str, Any] = self._own_candidates() if own else self._told_candidates()
        if self._usage is not None:
            body["usageMetadata"] = usage_metadata(self._usage)
        if own:
            named = {"modelVersion": self._started.model, "responseId": self._started.id}
            body |= {name: value for name, value in named.items() if value}
            return body | dict(self._started.extra or {})
        return body | {"modelVersion": self._started.model or self._frame.model, "responseId": self._frame.id}

    def _own_candidates(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        for one in self._candidates.values():
            if one.finished is not None and one.finished.extra is not None:
                candidate = {"content": {"parts": one.parts}} if one.parts else {}
                found.append(put_back(candidate, one.finished.extra))
        return {"candidates": found} if found else {}

    def _told_candidates(self) -> dict[str, Any]:
        if _withheld(self._candidates):
            return {"promptFeedback": {"blockReason": "SAFETY"}}
        found: list[dict[str, Any]] = []
        for choice, one in sorted(self._candidates.items()):
            parts = [*one.parts, *one.calls.parts(self._frame)]
            reason = one.finished.reason if one.finished else FinishReason.STOP
            content = {"content": {"parts": parts or [{"text": ""}], "role": "model"}}
            found.append({**content, "finishReason": FINISH[reason], "index": choice})
        return {"candidates": found}


def _withheld(candidates: Mapping[int, _Candidate]) -> bool:
    """Nothing was said at all, because a filter kept it back."""
    return bool(candidates) and all(
        not one.parts
        and not one.calls
        and one.finished is not None
        and one.finished.reason is FinishReason.CONTENT_FILTER
        for one in candidates.values()
    )
