"""Gemini, the answer side: one response (of a stream, or the whole answer) to events.

Rule of this module: it knows what a response holds and nothing of bytes or framing. The text of a response counts
though the same one says that this is the end; a call is a call though the reason given is only `STOP`. Parts that only
this dialect has words for are `OtherContent`, arguments that come in pieces by their paths (`partialArgs`) among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.dialects.errors import classify_object
from policyroute.dialects.gemini.parts import kind_of
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
from policyroute.failures import Failure, FailureKind

_FILTERED = """SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT
    IMAGE_RECITATION IMAGE_OTHER MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED""".split()
_FINISH = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.LENGTH,
    **dict.fromkeys(_FILTERED, FinishReason.CONTENT_FILTER),
}
_MISCALLED = Failure(FailureKind.SCHEMA_INVALID, "The model called a tool in a way that cannot be read.")
_FAILED = {
    **dict.fromkeys(
        ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"), _MISCALLED
    ),
    **dict.fromkeys(
        ("OTHER", "NO_IMAGE", "FINISH_REASON_UNSPECIFIED"),
        Failure(FailureKind.UNAVAILABLE, "The provider ended the answer and does not say why."),
    ),
    "MISSING_THOUGHT_SIGNATURE": Failure(
        FailureKind.INVALID_REQUEST, "A tool call of the conversation lacks its thought signature."
    ),
}
"""Finish reasons that are no end but a failure."""
_NOT_BLOCKED = ("", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")


class ContentReader:
    """Turns responses into events, keeping what must not be said twice.

    `open` and `finished` are the candidates that have and have not ended; `substance` is set once anything was
    answered, `started` once there was any response at all.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.open: set[int] = set()
        self.finished: dict[int, FinishReason] = {}
        self.substance = False
        self.started = False
        self._secrets = secrets
        self._calls: dict[int, int] = {}

    def read(self, response: dict[str, Any], events: list[StreamEvent]) -> bool:
        """Add the events of one response. False where the last of them is a `Broken`."""
        if response.get("error"):
            events.append(Broken(classify_object(response, self._secrets)))
            return False
        if not self.started and ("candidates" in response or "responseId" in response):
            self.started = True
            events.append(Started(text(response.get("responseId")), text(response.get("modelVersion"))))
        usage = obj(response.get("usageMetadata"))
        if usage:
            events.append(read_usage(usage))
        for candidate in items(response.get("candidates")):
            if candidate.__class__ is dict and not self._candidate(candidate, events):
                return False
        blocked = text(obj(response.get("promptFeedback")).get("blockReason"))
        if blocked not in _NOT_BLOCKED and not self.open and not self.finished:
            self._finish(0, FinishReason.CONTENT_FILTER, events)
        return True

    def _candidate(self, candidate: dict[str, Any], events: list[StreamEvent]) -> bool:
        index: Any = candidate.get("index")
        if index.__class__ is not int:
            index = 0
        if index not in self.finished:
            self.open.add(index)
        before = len(events)
        for part in items(obj(candidate.get("content")).get("parts")):
            self._part(obj(part), index, events)
        if len(events) > before:
            self.substance = True
        reason = text(candidate.get("finishReason"))
        return not reason or index in self.finished or self._end(index, reason, events)

    def _part(self, part: dict[str, Any], index: int, events: list[StreamEvent]) -> None:
        said = part.get("text")
        if said.__class__ is str:
            if said:
                events.append(ReasoningDelta(said, index) if part.get("thought") is True else TextDelta(said, index))
            return
        called = obj(part.get("functionCall"))
        if called:
            self._call(called, index, events)
        elif kind := kind_of(part):
            events.append(OtherContent(kind, index))

    def _call(self, called: dict[str, Any], choice: int, events: list[StreamEvent]) -> None:
        name = text(called.get("name"))
        if name:
            number = self._calls[choice] = self._calls.get(choice, -1) + 1
            begun = called.get("willContinue") is True and not called.get("args")
            arguments = "" if begun else compact(obj(called.get("args")))
            events.append(ToolCallDelta(number, text(called.get("id")), name, arguments, choice))
        if called.get("partialArgs"):
            events.append(OtherContent("partialArgs", choice))

    def _end(self, index: int, reason: str, events: list[StreamEvent]) -> bool:
        if reason in _FAILED:
            events.append(Broken(_FAILED[reason]))
            return False
        # A reason nobody documented still says that the candidate has ended.
        self._finish(index, _FINISH.get(reason, FinishReason.STOP), events)
        return True

    def _finish(self, index: int, reason: FinishReason, events: list[StreamEvent]) -> None:
        if reason is FinishReason.STOP and index in self._calls:
            reason = FinishReason.TOOL_CALLS
        self.open.discard(index)
        self.finished[index] = reason
        events.append(Finished(reason, index))


def read_usage(usage: dict[str, Any]) -> Usage:
    """The prompt's count includes what was cached; what tools put into it and what was thought are counted beside."""
    thoughts = count(usage.get("thoughtsTokenCount"))
    asked = count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount"))
    answered = count(usage.get("candidatesTokenCount")) + thoughts
    return Usage(asked, answered, count(usage.get("cachedContentTokenCount")), 0, thoughts)
