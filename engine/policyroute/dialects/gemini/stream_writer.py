"""Gemini: an answer of any provider, as a client of this dialect is told it piece by piece.

Rule of this module: each event on the wire is a whole response with a piece of the answer. What ends the answer, the
finish reasons and the usage, is told last and once, whatever order it came in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from policyroute.dialects.gemini.told import FINISH, Calls, usage_metadata
from policyroute.dialects.shapes import compact, dumps, items, obj, text
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


class ContentWriter:
    """The `StreamWriter` of `gemini`."""

    def __init__(self, frame: Frame) -> None:
        self.lost: set[str] = set()
        self._frame = frame
        self._model = frame.model
        self._around: dict[tuple[int, bool], tuple[bytes, bytes]] = {}
        self._calls: dict[int, Calls] = {}
        self._finished: dict[int, FinishReason] = {}
        self._usage: Usage | None = None
        self._said = False
        self._fixed = False  # what it is called by
        self._over = False

    def recall(self, response: dict[str, Any]) -> None:
        self._said = self._fixed = True
        self._model = text(response.get("modelVersion")) or self._model
        self._frame = replace(self._frame, id=text(response.get("responseId")) or self._frame.id)
        if any(obj(candidate).get("finishReason") for candidate in items(response.get("candidates"))):
            self._over = True

    def write(self, events: Iterable[StreamEvent]) -> bytes:
        told: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta):
                told.append(self._text(event.text, event.choice, False))
            else:
                told.append(self._other(event))
        return b"".join(told)

    def _text(self, said: str, choice: int, thought: bool) -> bytes:
        if not said:
            return b""
        self._said = True
        around = self._around.get((choice, thought)) or self._frame_of(choice, thought)
        return around[0] + dumps(said) + around[1]

    def _frame_of(self, choice: int, thought: bool) -> tuple[bytes, bytes]:
        """What is before and after a text: the same for each of a choice."""
        mark = ',"thought":true' if thought else ""
        after = f'{mark}}}],"role":"model"}},"index":{choice}}}],{self._named()}}}\n\n'.encode()
        around = self._around[choice, thought] = (b'data: {"candidates":[{"content":{"parts":[{"text":', after)
        return around

    def _named(self) -> str:
        return compact({"modelVersion": self._model, "responseId": self._frame.id})[1:-1]

    def _other(self, event: StreamEvent) -> bytes:
        match event:
            case Started():
                if not self._fixed:
                    self._model = event.model or self._model
                    self._around.clear()
            case ReasoningDelta(said, choice):
                return self._text(said, choice, True)
            case RefusalDelta(said, choice):
                return self._text(said, choice, False)
            case ToolCallDelta():
                self._said = True
                self._calls.setdefault(event.choice, Calls()).add(event)
            case OtherContent():
                self.lost.add(event.kind)
            case Usage():
                self._usage = event
            case Finished():
                return self._end_of(event)
            case _:
                pass
        return b""

    def _end_of(self, finished: Finished) -> bytes:
        """A choice's calls are whole now. Its reason waits for the end."""
        self._finished.setdefault(finished.choice, finished.reason)
        calls = self._calls.pop(finished.choice, None)
        return self._response([self._candidate(finished.choice, calls.parts(self._frame))]) if calls else b""

    def end(self) -> bytes:
        if self._over:
            return b""
        reasons = self._finished or {0: FinishReason.STOP}
        if not self._said and reasons and set(reasons.values()) == {FinishReason.CONTENT_FILTER}:
            return self._response(None, {"promptFeedback": {"blockReason": "SAFETY"}, **self._counted()})
        unfinished = [self._candidate(choice, calls.parts(self._frame)) for choice, calls in self._calls.items()]
        last = [
            {**self._candidate(choice, [{"text": ""}]), "finishReason": FINISH[reason]}
            for choice, reason in sorted(reasons.items())
        ]
        self._calls = {}
        return self._response([*unfinished, *last], self._counted())

    def _counted(self) -> dict[str, Any]:
        return {} if self._usage is None else {"usageMetadata": usage_metadata(self._usage)}

    def _candidate(self, choice: int, parts: list[dict[str, Any]]) -> dict[str, Any]:
        return {"content": {"parts": parts, "role": "model"}, "index": choice}

    def _response(self, candidates: list[dict[str, Any]] | None, beside: dict[str, Any] | None = None) -> bytes:
        said: dict[str, Any] = {} if candidates is None else {"candidates": candidates}
        named = {"modelVersion": self._model, "responseId": self._frame.id}
        return b"data: " + dumps({**said, **(beside or {}), **named}) + b"\n\n"
