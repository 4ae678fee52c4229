"""Answers told in the OpenAI Chat dialect: its own again, and those of any other as its SDK reads them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion
from tests.support import telling
from tests.support.telling import RECORDED, SERVING, Said, in_pieces, read, said

from policyroute import ModelRequest
from policyroute.dialects.openai_chat import OpenAIChat
from policyroute.dialects.shapes import obj
from policyroute.dialects.translation import Frame
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
from policyroute.failures import FailureKind

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

CHAT = OpenAIChat()
SEED = 20


def asking(**more: Any) -> Frame:
    body = {"model": "m", "messages": [{"role": "user"}], "stream": True, **more}
    return Frame("f1", "asked-for", 1_700_000_000, ModelRequest.read("openai_chat", json.dumps(body).encode()))


FRAME = asking(stream_options={"include_usage": True})


def test_every_recorded_whole_answer_is_told_as_it_was_read(recordings: list[Recording]) -> None:
    whole = [one for one in recordings if one.status == 200 and not one.sse and "choices" in one.body]
    for recording in whole:
        body = json.dumps(recording.body).encode()
        events = CHAT.answer(body, everything=True)
        assert not any(isinstance(event, Broken) for event in events), recording.name
        told, lost = CHAT.whole(events, FRAME)
        assert json.loads(told) == recording.body, recording.name
        assert not lost, recording.name
    assert len(whole) >= 370


NAMES = st.sampled_from(
    """id model choices usage index message delta finish_reason content reasoning reasoning_content refusal tool_calls
    function_call function custom name arguments type text thinking audio data images prompt_tokens completion_tokens
    total_tokens prompt_tokens_details cached_tokens logprobs created object stop""".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.just(1.0) | NAMES | st.just(""),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)


def with_calls(calls: list[Any], rest: dict[str, Any]) -> dict[str, Any]:
    return {**rest, "tool_calls": calls}


def with_message(message: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    return {**rest, "message": message}


CALL = st.fixed_dictionaries({"function": OBJECTS, "id": VALUES}) | OBJECTS
MESSAGE = st.builds(with_calls, st.lists(CALL, max_size=2), OBJECTS) | OBJECTS
CHOICE = st.builds(with_message, MESSAGE, OBJECTS)


@settings(max_examples=150)
@given(OBJECTS, st.lists(CHOICE, min_size=1, max_size=2), OBJECTS)
def test_whatever_it_holds_an_answer_is_told_as_it_was_read(
    top: dict[str, Any], choices: list[Any], usage: dict[str, Any]
) -> None:
    for body in ({**top, "choices": choices}, {**top, "choices": choices, "usage": usage}):
        events = CHAT.answer(json.dumps(body).encode(), everything=True)
        if isinstance(events[-1], Broken):
            continue
        told, _ = CHAT.whole(events, FRAME)
        assert json.dumps(json.loads(told), sort_keys=True) == json.dumps(body, sort_keys=True)


# What is lost: a refusal without words ends as what a filter does.
FINISHES = {FinishReason.REFUSAL: {"stop", "content_filter"}}


def read_by_sdk(completion: ChatCompletion, index: int) -> Said:
    [choice] = [choice for choice in completion.choices if choice.index == index]
    message, usage = choice.message, completion.usage
    assert completion.id == "chatcmpl-f1"
    assert completion.created == FRAME.created
    assert message.role == "assistant"
    fold = Said(message.content or "", getattr(message, "reasoning_content", None) or "", message.refusal or "")
    ids: list[str] = []
    for number, call in enumerate(message.tool_calls or []):
        assert call.type == "function"
        fold.calls[number] = [call.function.name, call.function.arguments]
        ids.append(call.id)
    assert len(set(ids)) == len(ids)
    assert all(ids)
    fold.finish, fold.model = choice.finish_reason, completion.model
    if usage:
        given, answered = usage.prompt_tokens_details, usage.completion_tokens_details
        assert given
        assert answered
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        cached, reasoning = given.cached_tokens or 0, answered.reasoning_tokens or 0
        written = getattr(given, "cache_write_tokens", None) or 0
        fold.usage = (usage.prompt_tokens, usage.completion_tokens, cached, written, reasoning)
    return fold


def streamed(body: bytes) -> ChatCompletion:
    state = ChatCompletionStreamState()
    roles = finishes = 0
    messages: Any = [{"role": "user", "content": "x"}]
    sdk = SERVING(body, "text/event-stream")
    for chunk in sdk.chat.completions.create(model="m", messages=messages, stream=True):
        state.handle_chunk(chunk)
        roles += sum(choice.delta.role is not None for choice in chunk.choices)
        finishes += sum(choice.finish_reason is not None for choice in chunk.choices)
    snapshot = state.current_completion_snapshot
    assert roles == finishes == len(snapshot.choices)
    return ChatCompletion.model_validate(snapshot.model_dump())


def whole(body: bytes) -> ChatCompletion:
    messages: Any = [{"role": "user", "content": "x"}]
    return SERVING(body, "application/json").chat.completions.create(model="m", messages=messages)


def same(completion: ChatCompletion, events: Sequence[StreamEvent], name: str) -> None:
    ended = [event.choice for event in events if isinstance(event, Finished)]
    assert sorted(ended) == [choice.index for choice in completion.choices], name
    for choice in ended:
        same_choice(read_by_sdk(completion, choice), said(events, choice), name)


def same_choice(found: Said, expected: Said, name: str) -> None:
    assert found.text == expected.text, name
    assert found.reasoning == expected.reasoning, name
    assert found.refusal == expected.refusal, name
    assert found.called() == expected.called(), name
    assert found.usage == expected.usage, name
    assert found.model == (expected.model or FRAME.model), name
    assert found.finish in FINISHES.get(FinishReason(expected.finish), {expected.finish}), name


def told(events: Sequence[StreamEvent], frame: Frame = FRAME) -> bytes:
    return telling.streamed(CHAT, events, frame)


@pytest.mark.parametrize(("recorded", "dialect"), RECORDED, ids=[dialect for _, dialect in RECORDED])
def test_every_recorded_answer_of_any_dialect_is_one_to_the_sdk(
    recorded: str, dialect: str, request: pytest.FixtureRequest
) -> None:
    recordings: list[Recording] = request.getfixturevalue(recorded)
    dice = random.Random(SEED)
    streams = wholes = others = 0
    for recording in recordings:
        if recording.status != 200 or recording.api == "count_tokens":
            continue
        events = read(dialect, recording)
        ended = [event.reason for event in events if isinstance(event, Finished)]
        if isinstance(events[-1], Broken) or FinishReason.ERROR in ended:
            continue
        kinds = {event.kind for event in events if isinstance(event, OtherContent)}
        others += bool(kinds)
        body = told(events)
        same(streamed(body), events, recording.name)
        assert in_pieces(CHAT, events, FRAME, dice) == body, recording.name
        answer, lost = CHAT.whole(events, FRAME)
        same(whole(answer), events, recording.name)
        assert lost == kinds, recording.name
        streams, wholes = streams + bool(recording.sse), wholes + (not recording.sse)
    assert all(found >= least for found, least in zip((streams, wholes, others), LEAST[dialect], strict=True))


LEAST = {
    "openai_chat": (194, 375, 0),
    "anthropic": (67, 135, 32),
    "openai_responses": (75, 154, 27),
    "gemini": (70, 136, 8),
}
"""Streams, whole answers, and those of both that hold something only their own dialect has words for."""


CHOICES = st.integers(0, 2)
INDEXES = st.integers(0, 3)
WORDS = st.text(max_size=8)
ANSWERS = st.lists(
    st.builds(TextDelta, WORDS, CHOICES)
    | st.builds(ReasoningDelta, WORDS, CHOICES)
    | st.builds(RefusalDelta, WORDS, CHOICES)
    | st.builds(ToolCallDelta, INDEXES, st.sampled_from([None, "", "a"]), st.sampled_from(["", "f"]), WORDS, CHOICES)
    | st.builds(Finished, st.sampled_from([one for one in FinishReason if one is not FinishReason.ERROR]), CHOICES)
    | st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
    | st.builds(OtherContent, WORDS, CHOICES)
    | st.builds(Started, WORDS, WORDS),
    max_size=12,
)


def calls(events: Sequence[StreamEvent], choice: int) -> list[list[str]]:
    """In the order they came; arguments that never came are an empty object's."""
    return [[name, arguments or "{}"] for name, arguments in said(events, choice).calls.values()]


@settings(max_examples=150)
@given(ANSWERS)
def test_whatever_is_said_is_read_again(events: list[StreamEvent]) -> None:
    answer, _ = CHAT.whole(events, FRAME)
    reader = CHAT.stream()
    by_stream, _ = reader.feed(told(events))
    by_stream += reader.end()
    choices = {event.choice for event in events if not isinstance(event, Started | Usage | OtherContent | Broken)}
    for found in (CHAT.answer(answer), by_stream):
        if isinstance(found[-1], Broken):
            assert found[-1].failure.kind is FailureKind.EMPTY
            continue
        for choice in choices:
            was, now = said(events, choice), said(found, choice)
            assert (now.text, now.reasoning, now.refusal) == (was.text, was.reasoning, was.refusal)
            assert calls(found, choice) == calls(events, choice)
            assert now.finish
        assert said(found).usage == said(events).usage


def chunks(body: bytes) -> list[dict[str, Any]]:
    blocks = body.split(b"\n\n")
    assert blocks[-2:] == [b"data: [DONE]", b""]
    return [json.loads(block.removeprefix(b"data: ")) for block in blocks[:-2]]


def test_an_end_comes_last_and_once_whenever_it_was_said() -> None:
    events: list[StreamEvent] = [
        Finished(FinishReason.STOP),
        TextDelta("late"),
        Finished(FinishReason.LENGTH),
        Usage(1, 2),
    ]
    found = chunks(told(events))
    assert [chunk["choices"][0]["delta"] for chunk in found[:-1]] == [
        {"role": "assistant", "content": ""},
        {"content": "late"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in found[:-1]] == [None, None, "stop"]
    assert found[-1]["choices"] == []
    assert obj(found[-1]["usage"])["total_tokens"] == 3


def test_calls_are_numbered_without_gaps_and_named_once() -> None:
    events: list[StreamEvent] = [
        ToolCallDelta(4, "", "look", ""),
        ToolCallDelta(2, "given", "find", '{"a":'),
        ToolCallDelta(4, None, None, ""),
        ToolCallDelta(2, None, None, "1}"),
        Finished(FinishReason.STOP),
    ]
    deltas = [chunk["choices"][0] for chunk in chunks(told(events))]
    assert [call for delta in deltas for call in delta["delta"].get("tool_calls", [])] == [
        {"index": 0, "id": "call_f1_0", "type": "function", "function": {"name": "look", "arguments": ""}},
        {"index": 1, "id": "given", "type": "function", "function": {"name": "find", "arguments": '{"a":'}},
        {"index": 1, "function": {"arguments": "1}"}},
        {"index": 0, "function": {"arguments": "{}"}},
    ]
    assert deltas[-1]["finish_reason"] == "tool_calls"
    answer, _ = CHAT.whole(events, FRAME)
    [choice] = json.loads(answer)["choices"]
    assert [(call["id"], call["function"]["arguments"]) for call in choice["message"]["tool_calls"]] == [
        ("call_f1_0", "{}"),
        ("given", '{"a":1}'),
    ]
    assert choice["message"]["content"] is None
    assert choice["finish_reason"] == "tool_calls"


def test_a_client_of_the_older_functions_reads_one_call_by_its_older_name() -> None:
    frame = asking(functions=[{"name": "look"}])
    events: list[StreamEvent] = [
        ToolCallDelta(0, "a", "look", '{"a":'),
        ToolCallDelta(0, None, None, "1}"),
        Finished(FinishReason.TOOL_CALLS),
    ]
    found = [chunk["choices"][0] for chunk in chunks(told(events, frame))]
    assert [one["delta"] for one in found] == [
        {"role": "assistant", "content": ""},
        {"function_call": {"name": "look", "arguments": '{"a":'}},
        {"function_call": {"arguments": "1}"}},
        {},
    ]
    answer, lost = CHAT.whole(events, frame)
    [choice] = json.loads(answer)["choices"]
    assert choice["message"]["function_call"] == {"name": "look", "arguments": '{"a":1}'}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == found[-1]["finish_reason"] == "function_call"
    assert lost == set()
    second = ToolCallDelta(1, "b", "look", "{}")
    writer = CHAT.writer(frame)
    assert b"tool_calls" not in writer.write([*events, second]) + writer.end()
    assert CHAT.whole([*events, second], frame)[1] == writer.lost == {"tool_calls"}


def test_usage_is_told_to_whoever_asked() -> None:
    events: list[StreamEvent] = [TextDelta("x"), Usage(10, 5, 4, 3, 2), Finished(FinishReason.STOP)]
    assert not any("usage" in chunk for chunk in chunks(told(events, asking())))
    [usage] = [chunk["usage"] for chunk in chunks(told(events)) if "usage" in chunk]
    assert usage == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def test_several_choices_each_begin_and_end() -> None:
    events: list[StreamEvent] = [
        TextDelta("a", 1),
        TextDelta("b", 0),
        Finished(FinishReason.LENGTH, 1),
        Finished(FinishReason.STOP, 0),
    ]
    found = [chunk["choices"][0] for chunk in chunks(told(events))]
    assert [(one["index"], one["finish_reason"]) for one in found] == [
        (1, None),
        (1, None),
        (0, None),
        (0, None),
        (0, "stop"),
        (1, "length"),
    ]
    answer, _ = CHAT.whole(events, FRAME)
    assert [choice["message"]["content"] for choice in json.loads(answer)["choices"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("events", "finish"),
    [
        ([RefusalDelta("no"), Finished(FinishReason.REFUSAL)], "stop"),
        ([TextDelta("I"), Finished(FinishReason.REFUSAL)], "content_filter"),
        ([Finished(FinishReason.CONTENT_FILTER)], "content_filter"),
        ([TextDelta("I"), Finished(FinishReason.LENGTH)], "length"),
    ],
)
def test_how_answers_end(events: list[StreamEvent], finish: str) -> None:
    assert chunks(told(events))[-1]["choices"][0]["finish_reason"] == finish
    answer, _ = CHAT.whole(events, FRAME)
    assert json.loads(answer)["choices"][0]["finish_reason"] == finish


def test_half_a_surrogate_pair_is_told() -> None:
    events: list[StreamEvent] = [TextDelta("\ud83d"), Finished(FinishReason.STOP)]
    assert chunks(told(events))[1]["choices"][0]["delta"] == {"content": "\ud83d"}


def test_what_the_events_say_is_told_whatever_else_was_kept() -> None:
    message = {
        "content": "a",
        "reasoning": "b",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "d"}, "index": 0}],
        "annotations": [],
    }
    body = {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "provider": "p"}
    events = CHAT.answer(json.dumps(body).encode(), everything=True)
    for event in events:
        if isinstance(event, TextDelta | ReasoningDelta):
            event.text = event.text.upper()
        if isinstance(event, ToolCallDelta):
            event.arguments = event.arguments.upper()
    answer, _ = CHAT.whole(events, FRAME)
    assert json.loads(answer) == json.loads(
        json.dumps(body).replace('"a"', '"A"').replace('"b"', '"B"').replace('"d"', '"D"')
    )
