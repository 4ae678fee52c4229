"""Anthropic Messages answers, streamed and whole: what is read, and when an answer counts as complete."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from policyroute import ModelRequest, Operation
from policyroute.dialects import DIALECTS
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
from policyroute.failures import FailureKind

ANTHROPIC = DIALECTS["anthropic"]
SEED = 20


def sse(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())


def start(**usage: Any) -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "usage": usage,
    }
    return sse("message_start", message=message)


def block(kind: str, *deltas: dict[str, Any], index: int = 0, **fields: Any) -> bytes:
    began = sse("content_block_start", index=index, content_block={"type": kind, **fields})
    went = b"".join(sse("content_block_delta", index=index, delta=delta) for delta in deltas)
    return began + went + sse("content_block_stop", index=index)


def said(*words: str, index: int = 0) -> bytes:
    return block("text", *[{"type": "text_delta", "text": word} for word in words], index=index, text="")


def end(reason: str | None = "end_turn", **usage: Any) -> bytes:
    return sse("message_delta", delta={"stop_reason": reason}, usage=usage) + STOP


STOP = sse("message_stop")
PING = sse("ping")


def streamed(*parts: bytes) -> list[StreamEvent]:
    """All events of a stream, without the one that says it began."""
    reader = ANTHROPIC.stream()
    found, _ = reader.feed(b"".join(parts))
    return [event for event in found + reader.end() if not isinstance(event, Started)]


def kind(events: list[StreamEvent]) -> FailureKind | None:
    last = events[-1]
    return last.failure.kind if isinstance(last, Broken) else None


ANSWER = (
    start(input_tokens=5, cache_read_input_tokens=100, cache_creation_input_tokens=20, output_tokens=1)
    + PING
    + block(
        "thinking",
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "s=="},
        thinking="",
    )
    + said("Grüße", ", 世界", index=1)
    + block(
        "tool_use",
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"q":'},
        {"type": "input_json_delta", "partial_json": " 1}"},
        index=2,
        id="t1",
        name="look",
        input={},
    )
    + block("tool_use", index=3, id="t2", name="stop", input={})
    + end("tool_use", output_tokens=42, output_tokens_details={"thinking_tokens": 7})
)
EVENTS: list[StreamEvent] = [
    Started("msg_1", "claude"),
    Usage(125, 1, 100, 20),
    ReasoningDelta("hm"),
    TextDelta("Grüße"),
    TextDelta(", 世界"),
    ToolCallDelta(0, "t1", "look", ""),
    ToolCallDelta(0, None, None, '{"q":'),
    ToolCallDelta(0, None, None, " 1}"),
    ToolCallDelta(1, "t2", "stop", ""),
    ToolCallDelta(1, None, None, "{}"),
    Usage(125, 42, 100, 20, 7),
    Finished(FinishReason.TOOL_CALLS),
]


@pytest.mark.parametrize("spelling", [ANSWER, ANSWER.replace(b"\n", b"\r\n"), ANSWER.replace(b"data: ", b"data:")])
@pytest.mark.parametrize("sizes", [(1,), (1, 2, 7, 60), (10_000,)])
def test_a_stream_says_the_same_however_it_is_cut(spelling: bytes, sizes: tuple[int, ...]) -> None:
    dice = random.Random(SEED)
    reader = ANTHROPIC.stream()
    events: list[StreamEvent] = []
    passed, at = b"", 0
    while at < len(spelling):
        size = dice.choice(sizes)
        found, raw = reader.feed(spelling[at : at + size])
        events, passed, at = events + found, passed + raw, at + size
    assert reader.complete
    assert events + reader.end() == EVENTS
    assert (passed + reader.tail).rstrip() == spelling.rstrip()


def test_each_event_is_passed_on_as_it_came() -> None:
    reader = ANTHROPIC.stream()
    for part in ANSWER.split(b"\n\n")[:-1]:
        assert reader.feed(part + b"\n\n")[1] == part + b"\n\n"


def test_every_cut_is_seen() -> None:
    begun = ANSWER.index(b"\n\n") + 2
    for at in range(begun, len(ANSWER) - 2):
        reader = ANTHROPIC.stream()
        reader.feed(ANSWER[:at])
        events = reader.end()
        assert kind(events) is FailureKind.STREAM_BROKEN, ANSWER[:at][-80:]
        assert reader.tail == b""


def test_the_last_event_may_lack_its_empty_line() -> None:
    reader = ANTHROPIC.stream()
    events, raw = reader.feed(ANSWER.rstrip())
    assert (events[-1], reader.complete) == (Finished(FinishReason.TOOL_CALLS), False)
    assert (reader.end(), reader.complete) == ([], True)
    assert raw + reader.tail == ANSWER


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("refusal", FinishReason.REFUSAL),
        ("pause_turn", FinishReason.STOP),
        ("something_new", FinishReason.STOP),
        (None, FinishReason.STOP),
    ],
)
def test_how_an_answer_ends(reason: str | None, expected: FinishReason) -> None:
    assert streamed(start(), said("x"), end(reason)) == [TextDelta("x"), Finished(expected)]
    whole = {"content": [{"type": "text", "text": "x"}], "stop_reason": reason}
    assert ANTHROPIC.answer(json.dumps(whole).encode())[1:] == [TextDelta("x"), Finished(expected)]


def test_what_the_provider_did_itself_is_content_that_has_no_neutral_words() -> None:
    events = streamed(
        start(),
        block(
            "server_tool_use",
            {"type": "input_json_delta", "partial_json": "{}"},
            id="s",
            name="web_search",
            input={},
        ),
        block("web_search_tool_result", index=1, tool_use_id="s", content=[]),
        end("pause_turn"),
    )
    assert events == [
        OtherContent("server_tool_use"),
        OtherContent("web_search_tool_result"),
        Finished(FinishReason.STOP),
    ]


def test_counts_that_are_not_repeated_still_hold() -> None:
    events = streamed(start(input_tokens=9, output_tokens=1), said("x"), end(output_tokens=3, input_tokens=None))
    assert [event for event in events if isinstance(event, Usage)] == [Usage(9, 1), Usage(9, 3)]


OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], FailureKind.STREAM_BROKEN),
        ([PING], FailureKind.STREAM_BROKEN),
        ([start(), said("x"), sse("message_delta", delta={"stop_reason": "end_turn"})], FailureKind.STREAM_BROKEN),
        ([start(), end()], FailureKind.EMPTY),
        ([start(), said(""), end("stop_sequence")], FailureKind.EMPTY),
        ([start(), OVERLOADED], FailureKind.OVERLOADED),
        ([OVERLOADED.split(b"\n", 1)[1]], FailureKind.OVERLOADED),
        ([OVERLOADED.split(b"data: ")[1].rstrip()], FailureKind.OVERLOADED),
        ([b"event: error\ndata: The model is overloaded\n\n"], FailureKind.OVERLOADED),
        ([b"<html>Bad gateway</html>\n\n", b"data: nonsense\n\n"], FailureKind.UNAVAILABLE),
        ([b'{"type": "message", "content": []}'], FailureKind.EMPTY),
    ],
)
def test_streams_that_are_no_answer(parts: list[bytes], expected: FailureKind) -> None:
    assert kind(streamed(*parts)) is expected


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
def test_a_limit_or_a_refusal_may_leave_an_answer_empty(reason: str) -> None:
    assert kind(streamed(start(), end(reason))) is None
    assert kind(ANTHROPIC.answer(json.dumps({"content": [], "stop_reason": reason}).encode())) is None


def test_an_error_inside_the_stream_ends_it_and_is_not_passed_on() -> None:
    reader = ANTHROPIC.stream()
    good = start() + said("x")
    events, raw = reader.feed(good + OVERLOADED + said("y"))
    assert isinstance(events[-1], Broken)
    assert raw == good
    assert reader.feed(said("z")) == ([], b"")
    assert reader.end() == []


def test_nothing_follows_the_end() -> None:
    reader = ANTHROPIC.stream()
    whole = start() + said("x") + end()
    events, raw = reader.feed(whole + said("y") + OVERLOADED)
    assert (events[-1], raw) == (Finished(FinishReason.STOP), whole)
    assert reader.end() == []


def test_what_cannot_be_read_is_left_out_where_the_rest_is_sound() -> None:
    reader = ANTHROPIC.stream()
    good = start() + said("x")
    for bad in (b"event: ping\ndata: {oops\n\n", b"data: [1]\n\n"):
        _, raw = reader.feed(good + bad + PING)
        assert raw == good + PING
    reader.feed(end())
    assert reader.malformed == 2
    assert reader.end() == []


def test_whole_answers() -> None:
    whole = {
        "id": "msg_1",
        "type": "message",
        "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s=="},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "Grüße"},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"q": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 42},
    }
    assert ANTHROPIC.answer(json.dumps(whole).encode()) == [
        Started("msg_1", "claude"),
        Usage(105, 42, 100),
        ReasoningDelta("hm"),
        TextDelta("Grüße"),
        ToolCallDelta(0, "t1", "look", ""),
        ToolCallDelta(0, None, None, '{"q":1}'),
        Finished(FinishReason.TOOL_CALLS),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", FailureKind.UNAVAILABLE),
        (b"<html>", FailureKind.UNAVAILABLE),
        (b"[]", FailureKind.UNAVAILABLE),
        (b"{}", FailureKind.UNAVAILABLE),
        (b'{"content": [], "stop_reason": "end_turn"}', FailureKind.EMPTY),
        (b'{"content": [null, 3], "stop_reason": "end_turn"}', FailureKind.EMPTY),
        (b'{"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}', FailureKind.RATE_LIMITED),
    ],
)
def test_answers_that_are_none(body: bytes, expected: FailureKind) -> None:
    assert kind(ANTHROPIC.answer(body)) is expected


COUNT = ModelRequest.read(
    "anthropic",
    b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}',
    operation=Operation.COUNT_TOKENS,
)


def test_a_count_is_an_answer_and_no_use_of_tokens() -> None:
    assert ANTHROPIC.answer(b'{"input_tokens": 12}', (), COUNT) == [
        OtherContent("input_tokens"),
        Finished(FinishReason.STOP),
    ]
    for none in (b"{}", b"12", b'{"input_tokens": "many"}'):
        assert kind(ANTHROPIC.answer(none, (), COUNT)) is FailureKind.UNAVAILABLE
    error = b'{"type": "error", "error": {"type": "not_found_error", "message": "model: m"}}'
    assert kind(ANTHROPIC.answer(error, (), COUNT)) is FailureKind.MODEL_NOT_FOUND
