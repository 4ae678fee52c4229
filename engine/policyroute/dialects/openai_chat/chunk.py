"""OpenAI Chat Completions, the answer side: one chunk (or a whole answer, read as one) to events.

Rule of this module: it knows how providers differ inside a chunk, and nothing of bytes or framing. Differences it
absorbs: `role` in every chunk, `usage` on any chunk, whole tool calls with no index, `content` as a list of parts,
reasoning under three names, `message` for `delta`, a finish reason sent twice, the legacy `function_call`.
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
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.failures import Failure, FailureKind

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.REFUSAL,
}
_FAILED = {
    "error": Failure(FailureKind.UNAVAILABLE, "The provider ended the answer with an error."),
    "insufficient_system_resource": Failure(FailureKind.OVERLOADED, "The provider ran out of capacity."),
}
"""Finish reasons that are no end but a failure."""


class ChunkReader:
    """Turns chunks into events, keeping only what must not be said twice.

    `whole`: the chunk is a whole answer, in `message` rather than `delta`; some providers send both, one of them empty.
    `finished` and `open` are the choices that have and have not ended; `substance` is set once anything was answered.
    """

    def __init__(self, *, whole: bool = False, secrets: Iterable[str] = ()) -> None:
        self._said, self._else = ("message", "delta") if whole else ("delta", "message")
        self.open: set[int] = set()
        self.finished: dict[int, FinishReason] = {}
        self.substance = False
        self._started = False
        self._secrets = secrets
        self._calls: set[tuple[int, int]] = set()
        self._refused: set[int] = set()

    def read(self, chunk: dict[str, Any], events: list[StreamEvent]) -> bool:
        """Add the events of one chunk. False where the last of them is a `Broken`."""
        if chunk.get("error"):
            events.append(Broken(classify_object(chunk, self._secrets)))
            return False
        if not self._started and chunk.get("id"):
            self._started = True
            events.append(Started(text(chunk["id"]), text(chunk.get("model"))))
        choices: Any = chunk.get("choices")
        if choices.__class__ is list:
            for choice in choices:
                if choice.__class__ is dict and not self._choice(choice, events):
                    return False
        usage = chunk.get("usage") or ("x_groq" in chunk and obj(chunk["x_groq"]).get("usage"))
        if usage:
            events.append(read_usage(obj(usage), text(chunk.get("service_tier"))))
        return True

    def close(self, events: list[StreamEvent]) -> None:
        """The provider said explicitly that this is all: what has not finished, has."""
        for index in sorted(self.open):
            self._finish(index, FinishReason.STOP, events)

    def _choice(self, choice: dict[str, Any], events: list[StreamEvent]) -> bool:
        index: Any = choice.get("index")
        if index.__class__ is not int:
            index = 0
        delta = choice.get(self._said)
        if delta is None:
            delta = choice.get(self._else)
        if delta and delta.__class__ is dict:
            if index not in self.open and index not in self.finished:
                self.open.add(index)
            content = delta.get("content")
            if content and len(delta) == 1 and content.__class__ is str:
                # A word, and nothing but a word: nearly every chunk.
                self.substance = True
                events.append(TextDelta(content, index))
            else:
                self._delta(delta, index, events)
        reason = choice.get("finish_reason")
        return not reason or index in self.finished or self._end(index, text(reason), events)

    def _delta(self, delta: dict[str, Any], index: int, events: list[StreamEvent]) -> None:
        before = len(events)
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning and isinstance(reasoning, str):
            events.append(ReasoningDelta(reasoning, index))
        _content(delta.get("content"), index, events)
        refusal = delta.get("refusal")
        if refusal and isinstance(refusal, str):
            self._refused.add(index)
            events.append(RefusalDelta(refusal, index))
        if "tool_calls" in delta or "function_call" in delta:
            self._calls_of(delta, index, events)
        if obj(delta.get("audio")).get("data"):
            events.append(OtherContent("audio", index))
        if delta.get("images"):
            events.append(OtherContent("images", index))
        if len(events) > before:
            self.substance = True

    def _calls_of(self, delta: dict[str, Any], index: int, events: list[StreamEvent]) -> None:
        for position, call in enumerate(items(delta.get("tool_calls"))):
            self._tool_call(obj(call), position, index, events)
        legacy = obj(delta.get("function_call"))
        if text(legacy.get("name")) or text(legacy.get("arguments")):
            self._tool_call({"function": legacy}, 0, index, events)

    def _tool_call(self, call: dict[str, Any], position: int, choice: int, events: list[StreamEvent]) -> None:
        number = call.get("index")
        index = number if isinstance(number, int) else position
        called = obj(call.get("function")) or obj(call.get("custom"))
        arguments = text(called.get("arguments")) or text(called.get("input"))
        if (choice, index) in self._calls:
            if arguments:
                events.append(ToolCallDelta(index, None, None, arguments, choice))
            return
        self._calls.add((choice, index))
        events.append(ToolCallDelta(index, text(call.get("id")), text(called.get("name")), arguments, choice))

    def _end(self, index: int, reason: str, events: list[StreamEvent]) -> bool:
        if reason in _FAILED:
            events.append(Broken(_FAILED[reason]))
            return False
        # A reason nobody documented still says that the choice has ended.
        self._finish(index, _FINISH.get(reason, FinishReason.STOP), events)
        return True

    def _finish(self, index: int, reason: FinishReason, events: list[StreamEvent]) -> None:
        if reason is FinishReason.STOP:
            # With a named tool_choice providers say `stop`, and a refusal has no reason of its own.
            if any(choice == index for choice, _ in self._calls):
                reason = FinishReason.TOOL_CALLS
            elif index in self._refused:
                reason = FinishReason.REFUSAL
        self.open.discard(index)
        self.finished[index] = reason
        events.append(Finished(reason, index))


def _content(content: Any, index: int, events: list[StreamEvent]) -> None:
    if isinstance(content, str):
        if content:
            events.append(TextDelta(content, index))
        return
    if isinstance(content, dict):
        # JSON mode, answered as JSON and not as text of it.
        events.append(TextDelta(compact(content), index))
        return
    for part in items(content):
        fields = obj(part)
        if said := text(fields.get("text")):
            events.append(TextDelta(said, index))
        thought = fields.get("thinking")
        inner = [thought] if isinstance(thought, str) else [text(obj(item).get("text")) for item in items(thought)]
        if joined := "".join(inner):
            events.append(ReasoningDelta(joined, index))


def read_usage(usage: dict[str, Any], tier: str = "") -> Usage:
    """Input includes cached tokens and output includes reasoning, whatever the provider counts. `tier` is the one that
    is said beside it."""
    prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    given, answered = obj(usage.get("prompt_tokens_details")), obj(usage.get("completion_tokens_details"))
    reasoning = count(answered.get("reasoning_tokens"))
    if reasoning and count(usage.get("total_tokens")) == prompt + completion + reasoning:
        completion += reasoning
    cached = count(given.get("cached_tokens")) or count(usage.get("prompt_cache_hit_tokens"))
    tier = tier or text(usage.get("service_tier"))
    return Usage(prompt, completion, cached, count(given.get("cache_write_tokens")), reasoning, tier=tier)
