"""OpenAI Chat answers, streamed and whole: what is read, and when an answer counts as complete."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from policyroute.dialects import DIALECTS
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

CHAT = DIALECTS["openai_chat"]
DONE = b"data: [DONE]\n\n"


def sse(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    return sse({"id": "c1", "model": "m1", "choices": choices, **more})


def streamed(*blocks: bytes) -> list[StreamEvent]:
    """All events of a stream, without the one that says it began."""
    reader = CHAT.stream()
    found, _ = reader.feed(b"".join(blocks))
    return [event for event in found + reader.end() if not isinstance(event, Started)]


def kind(events: Sequence[StreamEvent]) -> FailureKind | None:
    last = events[-1]
    return last.failure.kind if isinstance(last, Broken) else None


def test_a_text_answer() -> None:
    reader = CHAT.stream()
    stream = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        sse({"id": "c1", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}),
        DONE,
    ]
    assert [reader.feed(block) for block in stream] == [
        ([Started("c1", "m1")], stream[0]),
        ([TextDelta("Hel")], stream[1]),
        ([TextDelta("lo")], stream[2]),
        ([Finished(FinishReason.STOP)], stream[3]),
        ([Usage(9, 2)], stream[4]),
        ([], stream[5]),
    ]
    assert reader.end() == []
    assert reader.tail == b""


def test_a_partial_event_is_held_back_until_it_is_whole() -> None:
    reader = CHAT.stream()
    block = chunk({"content": "Hello"})
    assert reader.feed(block[:30]) == ([], b"")
    events, raw = reader.feed(block[30:] + b"data: {")
    assert events[1:] == [TextDelta("Hello")]
    assert raw == block


def test_parallel_tool_calls_and_a_finish_that_says_stop() -> None:
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    events = streamed(
        chunk({"role": "assistant", "content": None, "tool_calls": [first]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]}),
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ":1}"}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]}),
        chunk({}, "stop"),
        DONE,
    )
    assert events == [
        ToolCallDelta(0, "a", "f", ""),
        ToolCallDelta(0, None, None, '{"x"'),
        ToolCallDelta(0, None, None, ":1}"),
        ToolCallDelta(1, "b", "g", "{}"),
        Finished(FinishReason.TOOL_CALLS),
    ]


def test_whole_tool_calls_without_an_index() -> None:
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    assert streamed(chunk({"tool_calls": calls}, "tool_calls"))[:2] == [
        ToolCallDelta(0, "a", "a", "{}"),
        ToolCallDelta(1, "b", "b", "{}"),
    ]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_under_its_names(name: str) -> None:
    assert streamed(chunk({name: "hm", "content": ""}), chunk({"content": "ok"}, "stop"))[:2] == [
        ReasoningDelta("hm"),
        TextDelta("ok"),
    ]


def test_content_as_a_list_of_parts() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "ok"}]
    assert streamed(chunk({"content": parts}, "stop"))[:2] == [ReasoningDelta("hm"), TextDelta("ok")]


def test_a_refusal() -> None:
    assert streamed(chunk({"refusal": "No."}), chunk({}, "stop"), DONE) == [
        RefusalDelta("No."),
        Finished(FinishReason.REFUSAL),
    ]


def test_usage_counts_cached_and_reasoning_tokens_in() -> None:
    excluded = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 22,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 7},
    }
    assert Usage(10, 12, 4, 0, 7) in streamed(chunk({"content": "x"}, "stop", usage=excluded))
    included = {**excluded, "total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 3}}
    assert Usage(10, 5, 4, 0, 3) in streamed(chunk({"content": "x"}, "stop", usage=included))
    assert Usage(3, 0) in streamed(
        chunk({"content": "x"}, "stop", usage={"prompt_tokens": 3, "completion_tokens": None})
    )


def test_several_choices_are_complete_only_together() -> None:
    both = [chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop")]
    assert kind(streamed(*both)) is FailureKind.STREAM_BROKEN
    assert kind(streamed(*both, chunk({}, "length", index=1))) is None


def test_a_finished_stream_needs_no_done_and_the_client_gets_one() -> None:
    reader = CHAT.stream()
    reader.feed(chunk({"content": "x"}) + chunk({}, "stop"))
    assert reader.end() == []
    assert reader.tail == DONE


def test_the_last_event_may_lack_its_empty_line() -> None:
    reader = CHAT.stream()
    body = chunk({"content": "x"}) + chunk({}, "stop")
    _, raw = reader.feed(body.rstrip())
    assert reader.end() == [Finished(FinishReason.STOP)]
    assert raw + reader.tail == body + DONE


def test_done_closes_what_never_said_why_it_ended() -> None:
    assert streamed(chunk({"content": "x"}, ""), DONE) == [TextDelta("x"), Finished(FinishReason.STOP)]


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([], FailureKind.STREAM_BROKEN),
        ([chunk({"role": "assistant"})], FailureKind.STREAM_BROKEN),
        ([chunk({"content": "x"})], FailureKind.STREAM_BROKEN),
        ([chunk({"content": "x"}), b'data: {"choices": [{"ind'], FailureKind.STREAM_BROKEN),
        ([DONE], FailureKind.EMPTY),
        ([chunk({"role": "assistant", "content": ""}), chunk({}, "stop"), DONE], FailureKind.EMPTY),
        ([chunk({"content": "x"}), chunk({}, "error")], FailureKind.UNAVAILABLE),
        ([chunk({"content": "x"}), chunk({}, "insufficient_system_resource")], FailureKind.OVERLOADED),
        ([b"<html>Bad gateway</html>\n\n", b"data: nonsense\n\n", b"data: [1]\n\n"], FailureKind.UNAVAILABLE),
        ([b'{"error": {"message": "busy", "code": "rate_limit_exceeded"}}'], FailureKind.RATE_LIMITED),
        ([b'{"choices": []}'], FailureKind.EMPTY),
        ([b"data: " + b"x" * 17_000_000], FailureKind.STREAM_BROKEN),
    ],
)
def test_streams_that_are_no_answer(blocks: list[bytes], expected: FailureKind) -> None:
    assert kind(streamed(*blocks)) is expected


def test_a_limit_may_leave_an_answer_empty() -> None:
    assert streamed(chunk({"role": "assistant"}), chunk({}, "length"), DONE) == [Finished(FinishReason.LENGTH)]


def test_an_error_inside_the_stream_ends_it_and_is_not_passed_on() -> None:
    reader = CHAT.stream()
    good = chunk({"content": "x"})
    error = b'event: error\ndata: {"error": {"message": "full", "code": "server_is_overloaded"}}\n\n'
    events, raw = reader.feed(good + error + chunk({"content": "y"}) + DONE)
    assert isinstance(events[-1], Broken)
    assert events[-1].failure.kind is FailureKind.OVERLOADED
    assert raw == good
    assert reader.feed(chunk({"content": "z"})) == ([], b"")
    assert reader.end() == []
    assert reader.tail == b""


def test_what_cannot_be_read_is_left_out_where_the_rest_is_sound() -> None:
    reader = CHAT.stream()
    good, last = chunk({"content": "x"}), chunk({}, "stop")
    events, raw = reader.feed(good + b"data: {oops\n\n" + b": ping\n\n" + last)
    assert events[1:] == [TextDelta("x"), Finished(FinishReason.STOP)]
    assert raw == good + b": ping\n\n" + last
    assert reader.malformed == 1
    assert reader.end() == []


def test_half_a_surrogate_pair_is_text_like_any_other() -> None:
    reader = CHAT.stream()
    events, raw = reader.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "\\ud83d"}}]}\n\n')
    assert events == [TextDelta("\ud83d")]
    assert raw


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"message": {"content": "hi"}, "finish_reason": "stop"}, [TextDelta("hi"), Finished(FinishReason.STOP)]),
        ({"message": {"content": "hi"}, "finish_reason": ""}, [TextDelta("hi"), Finished(FinishReason.STOP)]),
        (
            {"delta": {"content": ""}, "message": {"content": "hi"}, "finish_reason": "stop"},
            [TextDelta("hi"), Finished(FinishReason.STOP)],
        ),
        (
            {"message": {"content": {"a": 1}}, "finish_reason": "stop"},
            [TextDelta('{"a":1}'), Finished(FinishReason.STOP)],
        ),
        (
            {"message": {"content": None, "audio": {"id": "a", "data": "AA=="}}, "finish_reason": "stop"},
            [OtherContent("audio"), Finished(FinishReason.STOP)],
        ),
        (
            {"message": {"content": "", "images": [{"type": "image_url"}]}, "finish_reason": "stop"},
            [OtherContent("images"), Finished(FinishReason.STOP)],
        ),
        (
            {"message": {"function_call": {"name": "f", "arguments": "{}"}}, "finish_reason": "function_call"},
            [ToolCallDelta(0, "", "f", "{}"), Finished(FinishReason.TOOL_CALLS)],
        ),
    ],
)
def test_whole_answers(choice: dict[str, Any], expected: list[StreamEvent]) -> None:
    assert CHAT.answer(json.dumps({"choices": [choice]}).encode()) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", FailureKind.UNAVAILABLE),
        (b"<html>", FailureKind.UNAVAILABLE),
        (b"[]", FailureKind.UNAVAILABLE),
        (b"{}", FailureKind.EMPTY),
        (b'{"choices": []}', FailureKind.EMPTY),
        (b'{"choices": [null, 3]}', FailureKind.EMPTY),
        (b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}', FailureKind.EMPTY),
        (b'{"error": {"message": "filtered", "code": "content_filter"}}', FailureKind.CONTENT_FILTERED),
        (b'{"error": "out of order"}', FailureKind.UNAVAILABLE),
        (b"[" * 5000, FailureKind.UNAVAILABLE),
    ],
)
def test_answers_that_are_none(body: bytes, expected: FailureKind) -> None:
    assert kind(CHAT.answer(body)) is expected


@pytest.mark.parametrize(
    "absurd", ["1" + "0" * 40, "1e400", "Infinity", "NaN", str(2**63), "-5", "true", '"many"', "1.5"]
)
def test_a_count_that_cannot_be_one_is_left_out(absurd: str) -> None:
    choice = '{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}'
    body = '{"choices":[' + choice + '],"usage":{"prompt_tokens":' + absurd + ',"completion_tokens":4}}'
    assert Usage(0, 4) in CHAT.answer(body.encode())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"message": "slow down", "code": 429}', FailureKind.RATE_LIMITED),
        (b'{"error": {"message": "slow down", "code": 429}}', FailureKind.RATE_LIMITED),
        (b'{"message": "no", "code": "server_is_overloaded"}', FailureKind.OVERLOADED),
        (b'{"error": null, "message": "The model is overloaded"}', FailureKind.OVERLOADED),
        (b"The model is overloaded", FailureKind.OVERLOADED),
        (b'"The model is overloaded"', FailureKind.OVERLOADED),
        (b'{"message": "\\ud800", "code": 429}', FailureKind.RATE_LIMITED),
        (b"{}", FailureKind.UNAVAILABLE),
        (b"", FailureKind.UNAVAILABLE),
    ],
)
def test_an_event_that_is_called_an_error_is_one(data: bytes, expected: FailureKind) -> None:
    assert kind(streamed(b"event: error\ndata: " + data + b"\n\n", DONE)) is expected


def test_a_byte_order_mark_is_not_passed_on() -> None:
    reader = CHAT.stream()
    block = chunk({"content": "Hello"})
    assert reader.feed(b"\xef\xbb\xbf")[1] + reader.feed(block)[1] == block
