"""Recorded traffic of two dozen providers: requests are read, answers fold to what they say, every cut is seen."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from tests.support.counted import counted

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

from policyroute import ModelRequest
from policyroute.absent import ABSENT
from policyroute.dialects import DIALECTS, StreamReader
from policyroute.dialects.shapes import items, obj
from policyroute.dialects.sse import Framer, read_event
from policyroute.events import (
    Broken,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.failures import FailureKind

CHAT = DIALECTS["openai_chat"]
SEED = 20


@dataclass
class Fold:
    """An answer, one choice after the other. Empty calls and texts are as good as none."""

    text: dict[int, str] = field(default_factory=dict[int, str])
    reasoning: dict[int, str] = field(default_factory=dict[int, str])
    refusal: dict[int, str] = field(default_factory=dict[int, str])
    calls: dict[tuple[int, int], tuple[str, str, str]] = field(
        default_factory=dict[tuple[int, int], tuple[str, str, str]]
    )
    finished: set[int] = field(default_factory=set[int])
    usage: tuple[int, int] | None = None


def folded(events: list[StreamEvent]) -> Fold:
    fold = Fold()
    for event in events:
        match event:
            case TextDelta(text, choice):
                fold.text[choice] = fold.text.get(choice, "") + text
            case ReasoningDelta(text, choice):
                fold.reasoning[choice] = fold.reasoning.get(choice, "") + text
            case RefusalDelta(text, choice):
                fold.refusal[choice] = fold.refusal.get(choice, "") + text
            case ToolCallDelta(index, id_, name, arguments, choice):
                was = fold.calls.get((choice, index), ("", "", ""))
                fold.calls[choice, index] = (was[0] or id_ or "", was[1] or name or "", was[2] + arguments)
            case Finished(_, choice):
                assert choice not in fold.finished
                fold.finished.add(choice)
            case Usage(prompt, completion):
                fold.usage = (prompt, completion)
            case _:
                pass
    return fold


def plain(chunks: list[dict[str, Any]], said: str) -> Fold:
    """The same by hand, from the JSON."""
    fold = Fold()
    for chunk in chunks:
        for choice in map(obj, items(chunk.get("choices"))):
            at, delta = choice.get("index", 0), obj(choice.get(said))
            for name, into in (("reasoning_content", fold.reasoning), ("refusal", fold.refusal)):
                said_so = delta.get(name) or (delta.get("reasoning") if into is fold.reasoning else None)
                if said_so:
                    into[at] = into.get(at, "") + said_so
            for text in texts(delta.get("content")):
                fold.text[at] = fold.text.get(at, "") + text
            for thought in thoughts(delta.get("content")):
                fold.reasoning[at] = fold.reasoning.get(at, "") + thought
            for place, call in enumerate(map(obj, items(delta.get("tool_calls")))):
                key, function = (at, call.get("index", place)), obj(call.get("function") or call.get("custom"))
                was = fold.calls.get(key, ("", "", ""))
                arguments = was[2] + (function.get("arguments") or function.get("input") or "")
                fold.calls[key] = (was[0] or call.get("id") or "", was[1] or function.get("name") or "", arguments)
            legacy = obj(delta.get("function_call"))
            if legacy.get("name"):
                fold.calls[at, 0] = ("", legacy["name"], legacy["arguments"])
            fold.finished.add(at)
        usage = obj(chunk.get("usage") or obj(chunk.get("x_groq")).get("usage"))
        if usage:
            fold.usage = (usage["prompt_tokens"], completion(usage))
    return fold


def texts(content: Any) -> list[str]:
    if isinstance(content, dict):
        return [json.dumps(content, separators=(",", ":"))]
    parts = [part["text"] for part in items(content) if part.get("type") == "text"]
    return [content] if isinstance(content, str) and content else parts


def thoughts(content: Any) -> list[str]:
    return [inner["text"] for part in items(content) if part.get("type") == "thinking" for inner in part["thinking"]]


def completion(usage: dict[str, Any]) -> int:
    """Reasoning counts as output; some providers leave it out of what they call completion."""
    said: int = usage.get("completion_tokens") or 0
    reasoning: int = obj(usage.get("completion_tokens_details")).get("reasoning_tokens") or 0
    return said + reasoning if usage.get("total_tokens") == usage["prompt_tokens"] + said + reasoning else said


def chunks_of(sse: bytes) -> list[dict[str, Any]]:
    datas = [read_event(block)[1] for block in Framer().feed(sse)]
    return [json.loads(data) for data in datas if data and data != b"[DONE]"]


def read(sse: bytes) -> list[StreamEvent]:
    reader = CHAT.stream()
    events, _ = reader.feed(sse)
    return events + reader.end()


@pytest.fixture(scope="module")
def streams(recordings: list[Recording]) -> list[Recording]:
    """Those that came to a good end."""
    return [one for one in recordings if one.sse and b'"error":{' not in one.sse]


def test_every_request_is_read(recordings: list[Recording]) -> None:
    for recording in recordings:
        request = ModelRequest.read("openai_chat", json.dumps(recording.request).encode())
        raw = recording.request
        assert request.model == raw["model"], recording.name
        assert request.stream is bool(raw.get("stream")), recording.name
        assert [m.tool_calls != () for m in request.messages] == [bool(m.get("tool_calls")) for m in raw["messages"]]
        assert len(request.tools) == len(raw.get("tools") or raw.get("functions") or []), recording.name
        assert all(tool.name for tool in request.tools), recording.name
        silent = [turn for turn in request.messages if not (turn.text or turn.tool_calls or turn.has_image)]
        empty = [turn for turn in raw["messages"] if not (turn.get("content") or turn.get("tool_calls"))]
        assert len(silent) == len(empty) or "file" in request.modalities, recording.name
        limit = raw.get("max_completion_tokens") or raw.get("max_tokens") or ABSENT
        assert request.max_tokens == limit, recording.name
        assert request.input_tokens > 0, recording.name


def test_every_whole_answer_folds_to_what_it_says(recordings: list[Recording]) -> None:
    whole = [one for one in recordings if one.status == 200 and not one.sse and "choices" in one.body]
    for recording in whole:
        events = CHAT.answer(json.dumps(recording.body).encode())
        assert folded(events) == plain([recording.body], "message"), recording.name
    assert len(whole) > 300


def test_every_stream_folds_to_what_it_says(streams: list[Recording]) -> None:
    for recording in streams:
        events = read(recording.sse)
        assert not any(isinstance(event, Broken) for event in events), recording.name
        assert folded(events) == plain(chunks_of(recording.sse), "delta"), recording.name
    assert len(streams) > 150


def test_openai_streams_fold_as_the_sdk_folds_them(streams: list[Recording]) -> None:
    ours = [one for one in streams if ":openai/" in one.name]
    for recording in ours:
        state = ChatCompletionStreamState()
        for chunk in chunks_of(recording.sse):
            state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
        final = state.current_completion_snapshot
        fold = folded(read(recording.sse))
        for choice in final.choices:
            message = choice.message
            assert fold.text.get(choice.index, "") == (message.content or ""), recording.name
            assert fold.refusal.get(choice.index, "") == (message.refusal or ""), recording.name
            calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []]
            assert [fold.calls[key] for key in sorted(fold.calls) if key[0] == choice.index] == calls, recording.name
        if final.usage:
            assert fold.usage == (final.usage.prompt_tokens, final.usage.completion_tokens), recording.name
    assert len(ours) > 30


def test_cuts_change_nothing_and_the_bytes_are_passed_on(streams: list[Recording]) -> None:
    dice = random.Random(SEED)
    for recording in streams:
        expected = read(recording.sse)
        reader = CHAT.stream()
        events: list[StreamEvent] = []
        passed, at = b"", 0
        while at < len(recording.sse):
            size = dice.choice((1, 2, 7, 60, 500, 4000))
            found, raw = reader.feed(recording.sse[at : at + size])
            events, passed, at = events + found, passed + raw, at + size
        events += reader.end()
        assert events == expected, recording.name
        assert (passed + reader.tail).startswith(recording.sse), recording.name
        assert reader.malformed == 0, recording.name


def test_byte_by_byte_is_the_same(streams: list[Recording]) -> None:
    for recording in sorted(streams, key=lambda one: len(one.sse))[:60]:
        reader = CHAT.stream()
        events: list[StreamEvent] = []
        for at in range(len(recording.sse)):
            events += reader.feed(recording.sse[at : at + 1])[0]
        assert events + reader.end() == read(recording.sse), recording.name


def test_a_stream_cut_before_its_finish_is_never_complete(streams: list[Recording]) -> None:
    checked = 0
    for recording in streams:
        reader = CHAT.stream()
        for block in Framer().feed(recording.sse):
            events, _ = reader.feed(block)
            if any(isinstance(event, Finished) for event in events):
                break
            checked += 1
            assert is_cut(reader), recording.name
    counted("recorded Chat streams", {"streams": len(streams), "cuts": checked})
    assert checked > 5000


def is_cut(reader: StreamReader) -> bool:
    """What the reader would say if the connection ended here. It is asked on a copy: `end` is the last call."""
    last = copy.deepcopy(reader).end()[-1]
    return isinstance(last, Broken) and last.failure.kind is FailureKind.STREAM_BROKEN


def test_what_finished_streams_finish_with(streams: list[Recording]) -> None:
    for recording in streams:
        events = read(recording.sse)
        called = any(isinstance(event, ToolCallDelta) for event in events)
        reasons = {event.reason for event in events if isinstance(event, Finished)}
        assert (FinishReason.TOOL_CALLS in reasons) is called, recording.name


KINDS = {
    "azure/gpt-5-nano": FailureKind.MODEL_NOT_FOUND,
    "azure/grok-4-1-fast-non-reasoning 429": FailureKind.RATE_LIMITED,
    "deepseek/deepseek-chat 400": FailureKind.CONTEXT_OVERFLOW,
    "groq/openai/gpt-oss-120b": FailureKind.SCHEMA_INVALID,
    "ollama/gpt-oss:120b 400": FailureKind.CONTEXT_OVERFLOW,
    "openrouter/meta-llama/llama-3.2-3b-instruct:free": FailureKind.RATE_LIMITED,
    "openrouter/anthropic/claude-haiku-4.5 400": FailureKind.CONTEXT_OVERFLOW,
    "perplexity/sonar": FailureKind.CONTEXT_OVERFLOW,
}
BY_STATUS = {400: FailureKind.INVALID_REQUEST, 401: FailureKind.AUTH, 404: FailureKind.MODEL_NOT_FOUND}


def test_recorded_errors_are_what_they_are(recordings: list[Recording]) -> None:
    errors = [one for one in recordings if one.status != 200]
    for recording in errors:
        failure = CHAT.failure(recording.status, recording.headers, json.dumps(recording.body).encode(), 1754667600.0)
        name = recording.name.partition(":")[2]
        expected = KINDS.get(f"{name} {recording.status}") or KINDS.get(name) or BY_STATUS[recording.status]
        assert failure.kind is expected, recording.name
        assert failure.status == recording.status
        assert failure.message, recording.name
        if recording.status == 429:
            assert failure.retry_after in (1.0, 60.0), recording.name
    assert len(errors) == 25


def test_errors_inside_recorded_streams(recordings: list[Recording]) -> None:
    broken = [one for one in recordings if one.sse and b'"error":{' in one.sse]
    kinds = {one.name.partition(":")[2]: read(one.sse)[-1] for one in broken}
    assert {name: event.failure.kind for name, event in kinds.items() if isinstance(event, Broken)} == {
        "groq/openai/gpt-oss-120b": FailureKind.SCHEMA_INVALID,
        "openrouter/minimax/minimax-m2:free": FailureKind.CONTEXT_OVERFLOW,
    }
