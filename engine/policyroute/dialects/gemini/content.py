"""Gemini, the answer side: one response (of a stream, or the whole answer) to events.

Rule of this module: it knows what a response holds and nothing of bytes or framing. The text of a response counts
though the same one says that this is the end; a call is a call though the reason given is only `STOP`. Parts that only
this dialect has words for are `OtherContent`. A call whose arguments come in pieces is told when it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.dialects.errors import classify_object
from policyroute.dialects.gemini.partial import PartialCall
from policyroute.dialects.gemini.parts import kind_of
from policyroute.dialects.gemini.rest import (
    rest_of_answer,
    rest_of_call,
    rest_of_candidate,
    rest_of_usage,
)
from policyroute.dialects.shapes import compact, count, items, obj, text, without
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

    def __init__(self, secrets: Iterable[str] = (), *, everything: bool = False) -> None:
        self.open: set[int] = set()
        self.finished: dict[int, FinishReason] = {}
        self.substance = False
        self.started = False
        self._secrets = secrets
        self._everything = everything
        self._calls: dict[int, int] = {}
        self._begun: dict[int, PartialCall] = {}

    def read(self, response: dict[str, Any], events: list[StreamEvent]) -> bool:
        """Add the events of one response. False where the last of them is a `Broken`."""
        if response.get("error"):
            events.append(Broken(classify_object(response, self._secrets)))
            return False
        if not self.started and ("candidates" in response or "responseId" in response):
            self.started = True
            rest = rest_of_answer(response) if self._everything else None
            events.append(Started(text(response.get("responseId")), text(response.get("modelVersion")), rest))
        usage = obj(response.get("usageMetadata"))
        if usage:
            events.append(read_usage(usage, everything=self._everything))
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
        for part in items(obj(candidate.get("content")).get("parts")):
            if not self._part(obj(part), index, events):
                return False
        reason = text(candidate.get("finishReason"))
        if not reason or index in self.finished:
            return True
        return self._whole(index, events) and self._end(index, reason, events, candidate)

    def _part(self, part: dict[str, Any], index: int, events: list[StreamEvent]) -> bool:
        """Whether it could be read."""
        said: Any = part.get("text")
        if said.__class__ is str:
            if said or self._everything:
                self._say(said, part, index, events)
            return True
        called = part.get("functionCall")
        if called.__class__ is dict and (called or index in self._begun):
            return self._call(obj(called), part, index, events)
        if kind := kind_of(part):
            self.substance = True
            events.append(OtherContent(kind, index, part if self._everything else None))
        return True

    def _say(self, said: str, part: dict[str, Any], index: int, events: list[StreamEvent]) -> None:
        self.substance = self.substance or said != ""
        thought = part.get("thought") is True
        extra = without(part, "text", "thought" if thought else "") if self._everything else None
        events.append(ReasoningDelta(said, index, extra) if thought else TextDelta(said, index, extra))

    def _call(self, called: dict[str, Any], part: dict[str, Any], index: int, events: list[StreamEvent]) -> bool:
        """One that comes in pieces goes on until a piece does not say that it does."""
        name = text(called.get("name"))
        goes_on = called.get("willContinue") is True
        if name and not self._whole(index, events):
            return False
        if name and not goes_on and not called.get("partialArgs"):
            extra = rest_of_call(part, called) if self._everything else None
            arguments = compact(obj(called.get("args")))
            self._tell(ToolCallDelta(0, text(called.get("id")), name, arguments, index, extra), events)
            return True
        if name:
            self._begun[index] = PartialCall(text(called.get("id")), name, obj(called.get("args")))
        begun = self._begun.get(index)
        if begun is None:
            return True
        begun.add(called.get("partialArgs"))
        return goes_on or self._whole(index, events)

    def _whole(self, index: int, events: list[StreamEvent]) -> bool:
        """Tell the call that came in pieces, if there is one. Whether it could be read."""
        begun = self._begun.pop(index, None)
        if begun is None:
            return True
        if not begun.readable:
            events.append(Broken(_MISCALLED))
            return False
        self._tell(ToolCallDelta(0, begun.identity, begun.name, compact(begun.args), index), events)
        return True

    def _tell(self, call: ToolCallDelta, events: list[StreamEvent]) -> None:
        self.substance = True
        call.index = self._calls[call.choice] = self._calls.get(call.choice, -1) + 1
        events.append(call)

    def _end(self, index: int, reason: str, events: list[StreamEvent], candidate: dict[str, Any]) -> bool:
        if reason in _FAILED:
            events.append(Broken(_FAILED[reason]))
            return False
        # A reason nobody documented still says that the candidate has ended.
        rest = rest_of_candidate(candidate) if self._everything else None
        self._finish(index, _FINISH.get(reason, FinishReason.STOP), events, rest)
        return True

    def _finish(
        self, index: int, reason: FinishReason, events: list[StreamEvent], extra: dict[str, Any] | None = None
    ) -> None:
        if reason is FinishReason.STOP and index in self._calls:
            reason = FinishReason.TOOL_CALLS
        self.open.discard(index)
        self.finished[index] = reason
        events.append(Finished(reason, index, extra))


def read_usage(usage: dict[str, Any], *, everything: bool = False) -> Usage:
    """The prompt's count includes what was cached; what tools put into it and what was thought are counted beside."""
    thoughts = count(usage.get("thoughtsTokenCount"))
    asked = count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount"))
    answered = count(usage.get("candidatesTokenCount")) + thoughts
    extra = rest_of_usage(usage) if everything else None
    tier = text(usage.get("serviceTier"))
    return Usage(asked, answered, count(usage.get("cachedContentTokenCount")), 0, thoughts, extra, tier)
