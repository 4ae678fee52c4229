"""OpenAI Responses answers, streamed and whole: what is read, and when an answer counts as complete."""

from __future__ import annotations

import json
import random
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

RESPONSES = DIALECTS["openai_responses"]
SEED = 20
STOP = Finished(FinishReason.STOP)


def sse(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())


def told(kind: str, place: int = 0, **fields: Any) -> bytes:
    return sse(f"response.{kind}", output_index=place, item_id=f"i{place}", **fields)


def response(status: str, *output: dict[str, Any], **more: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"id": "resp_1", "object": "response", "model": "gpt", "status": status}
    return whole | {"error": None, "output": list(output), **more}


def ended(status: str = "completed", *output: dict[str, Any], **more: Any) -> bytes:
    return sse(f"response.{status}", response=response(status, *output, **more))


def message(*words: str, **more: Any) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if words:
        content = [{"type": "output_text", "text": "".join(words), "annotations": []}]
    return {"type": "message", "id": "m", "role": "assistant", "content": content, **more}


def said(*words: str, place: int = 0) -> bytes:
    opening = told("output_item.added", place, item=message())
    opening += told("content_part.added", place, content_index=0, part={"type": "output_text", "text": ""})
    went = b"".join([told("output_text.delta", place, content_index=0, delta=word) for word in words])
    closing = told("output_text.done", place, text="".join(words))
    return opening + went + closing + told("output_item.done", place, item=message(*words))


def called(number: int, *arguments: str, place: int = 0) -> bytes:
    def item(said: str) -> dict[str, Any]:
        return {"type": "function_call", "id": "fc", "call_id": f"c{number}", "name": "look", "arguments": said}

    whole = "".join(arguments)
    return b"".join(
        [
            told("output_item.added", place, item=item("")),
            *[told("function_call_arguments.delta", place, delta=part) for part in arguments],
            told("function_call_arguments.done", place, arguments=whole),
            told("output_item.done", place, item=item(whole)),
        ]
    )


CREATED = sse("response.created", response=response("in_progress"))
PROGRESS = sse("response.in_progress", response=response("in_progress"))
USAGE = {
    "input_tokens": 125,
    "input_tokens_details": {"cached_tokens": 100},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 155,
}
THOUGHT = [
    told("output_item.added", 0, item={"type": "reasoning", "summary": []}),
    told("reasoning_summary_text.delta", 0, summary_index=0, delta="Hm, "),
    told("reasoning_summary_text.delta", 0, summary_index=0, delta="yes."),
    told("output_item.done", 0, item={"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm, yes."}]}),
]
ANSWER = b"".join(
    [
        *(CREATED, PROGRESS, *THOUGHT),
        said("Hel", "lo ", "wörld", place=1),
        *(called(1, '{"q"', ":1}", place=2), called(2, "{}", place=3)),
        *(sse("keepalive"), ended(usage=USAGE)),
    ]
)
EVENTS: list[StreamEvent] = [
    Started("resp_1", "gpt"),
    ReasoningDelta("Hm, "),
    ReasoningDelta("yes."),
    TextDelta("Hel"),
    TextDelta("lo "),
    TextDelta("wörld"),
    ToolCallDelta(0, "c1", "look", ""),
    ToolCallDelta(0, None, None, '{"q"'),
    ToolCallDelta(0, None, None, ":1}"),
    ToolCallDelta(1, "c2", "look", ""),
    ToolCallDelta(1, None, None, "{}"),
    Usage(125, 30, 100, 0, 20),
    Finished(FinishReason.TOOL_CALLS),
]


def fed(*chunks: bytes) -> tuple[list[StreamEvent], bytes]:
    reader = RESPONSES.stream()
    found = [reader.feed(chunk) for chunk in chunks]
    events = [event for some, _ in found for event in some] + reader.end()
    return events, b"".join(raw for _, raw in found) + reader.tail


def streamed(*parts: bytes) -> list[StreamEvent]:
    """All events of a stream, without the one that says it began."""
    return [event for event in fed(b"".join(parts))[0] if not isinstance(event, Started)]


def kind(events: list[StreamEvent]) -> FailureKind | None:
    last = events[-1]
    return last.failure.kind if isinstance(last, Broken) else None


def test_an_answer_with_everything() -> None:
    assert fed(ANSWER) == (EVENTS, ANSWER)


def test_cuts_change_nothing() -> None:
    dice = random.Random(SEED)
    for spelled in (ANSWER, ANSWER.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + ANSWER):
        whole = spelled.removeprefix(b"\xef\xbb\xbf")
        cuts = [range(1, len(spelled)), *[sorted(dice.sample(range(1, len(spelled)), 12)) for _ in range(40)]]
        for places in cuts:
            chunks = [spelled[start:end] for start, end in zip([0, *places], [*places, None], strict=True)]
            events, passed = fed(*chunks)
            assert events == EVENTS
            # Where a cut separates the last line's two ends, the answer is complete with the first.
            assert passed.rstrip() == whole.rstrip()


def test_cut_anywhere_it_is_incomplete() -> None:
    for length in range(len(ANSWER) - 2):
        assert kind(fed(ANSWER[:length])[0]) in (FailureKind.STREAM_BROKEN, FailureKind.UNAVAILABLE)
    blocks = [block + b"\n\n" for block in ANSWER.split(b"\n\n")[:-1]]
    for number in range(1, len(blocks)):
        assert kind(fed(*blocks[:number])[0]) is FailureKind.STREAM_BROKEN


def test_nothing_is_passed_on_after_the_end() -> None:
    reader = RESPONSES.stream()
    reader.feed(CREATED + said("a") + ended())
    assert reader.complete
    assert reader.feed(b"data: [DONE]\n\n" + CREATED) == ([], b"")
    assert reader.end() == []


def test_the_end_counts_without_its_empty_line() -> None:
    whole = CREATED + said("a") + ended()
    events, passed = fed(whole[:-2])
    assert (events[-1], passed) == (STOP, whole)


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (ended(), FinishReason.STOP),
        (ended("incomplete", incomplete_details={"reason": "max_output_tokens"}), FinishReason.LENGTH),
        (ended("incomplete", incomplete_details={"reason": "content_filter"}), FinishReason.CONTENT_FILTER),
        (ended("incomplete", incomplete_details=None), FinishReason.LENGTH),
    ],
)
def test_how_it_ends(ending: bytes, expected: FinishReason) -> None:
    assert streamed(CREATED, said("a"), ending) == [TextDelta("a"), Finished(expected)]


def test_a_refusal_is_a_reason_of_its_own() -> None:
    part = told("refusal.delta", delta="No.") + told("refusal.done", refusal="No.")
    refused = message() | {"content": [{"type": "refusal", "refusal": "No."}]}
    expected = [RefusalDelta("No."), Finished(FinishReason.REFUSAL)]
    assert streamed(CREATED, part, ended()) == expected
    assert streamed(CREATED, ended("completed", refused)) == expected
    assert answered(response("completed", refused)) == expected


def test_what_is_not_told_in_parts_is_told_whole_and_once() -> None:
    """Some servers send no deltas, or nothing but the end."""
    output: list[dict[str, Any]] = [
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        message("Hello"),
        {"type": "custom_tool_call", "call_id": "c1", "name": "look", "input": "SELECT 1"},
        {"type": "web_search_call", "id": "ws"},
    ]
    expected: list[StreamEvent] = [
        ReasoningDelta("hm"),
        TextDelta("Hello"),
        ToolCallDelta(0, "c1", "look", ""),
        ToolCallDelta(0, None, None, "SELECT 1"),
        OtherContent("web_search_call"),
        Finished(FinishReason.TOOL_CALLS),
    ]
    items = [told("output_item.done", place, item=item) for place, item in enumerate(output)]
    assert streamed(CREATED, *items, ended("completed", *output)) == expected
    assert streamed(CREATED, *items, ended()) == expected
    assert streamed(CREATED, ended("completed", *output)) == expected
    assert streamed(ended("completed", *output)) == expected
    assert answered(response("completed", *output)) == expected


def test_tools_that_the_provider_runs_are_content_without_words() -> None:
    ran = {"type": "web_search_call", "id": "ws", "status": "in_progress"}
    events = streamed(CREATED, told("output_item.added", item=ran), told("output_item.done", item=ran), ended())
    assert events == [OtherContent("web_search_call"), STOP]


def test_parts_of_a_call_that_nobody_began_are_left_out() -> None:
    assert kind(streamed(CREATED, told("function_call_arguments.delta", delta="{}"), ended())) is FailureKind.EMPTY


@pytest.mark.parametrize("output", [[], [message()], [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]])
def test_an_answer_without_anything_is_empty(output: list[dict[str, Any]]) -> None:
    assert kind(streamed(CREATED, ended("completed", *output))) is FailureKind.EMPTY
    assert kind(answered(response("completed", *output))) is FailureKind.EMPTY
    limited = response("incomplete", *output, incomplete_details={"reason": "max_output_tokens"})
    assert answered(limited) == [Finished(FinishReason.LENGTH)]


def test_reasoning_that_is_counted_beside_the_output_is_output() -> None:
    usage = USAGE | {"total_tokens": 175}
    assert streamed(CREATED, said("a"), ended(usage=usage))[-2] == Usage(125, 50, 100, 0, 20)


def answered(whole: Any) -> list[StreamEvent]:
    events = RESPONSES.answer(json.dumps(whole).encode())
    return [event for event in events if not isinstance(event, Started)]


def test_a_whole_answer_says_the_same_as_its_stream() -> None:
    whole = response("completed", message("Hello"), usage=USAGE)
    events = RESPONSES.answer(json.dumps(whole).encode())
    assert events == [Started("resp_1", "gpt"), TextDelta("Hello"), Usage(125, 30, 100, 0, 20), STOP]


def test_what_goes_on_in_the_background_is_an_answer() -> None:
    assert answered(response("queued")) == [OtherContent("queued"), STOP]


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        (response("failed", error={"code": "rate_limit_exceeded", "message": "Slow."}), FailureKind.RATE_LIMITED),
        (response("failed"), FailureKind.UNAVAILABLE),
        (response("cancelled"), FailureKind.STREAM_BROKEN),
        ({"error": {"code": "server_is_overloaded", "message": "Busy."}}, FailureKind.OVERLOADED),
        ({"error": "Incorrect API key provided."}, FailureKind.AUTH),
        ({}, FailureKind.UNAVAILABLE),
        ({"choices": []}, FailureKind.UNAVAILABLE),
        (["output"], FailureKind.UNAVAILABLE),
    ],
)
def test_what_is_no_answer(whole: Any, expected: FailureKind) -> None:
    assert kind(answered(whole)) is expected
    assert kind(fed(json.dumps(whole).encode())[0]) is not None


def test_what_cannot_be_read_is_left_out_and_counted() -> None:
    reader = RESPONSES.stream()
    events, passed = reader.feed(CREATED + b"event: x\ndata: {not json}\n\n" + said("a") + ended())
    assert (events[-1], reader.malformed) == (STOP, 1)
    assert passed == CREATED + said("a") + ended()
