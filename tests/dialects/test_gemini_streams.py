"""Gemini's answers, streamed and whole: what is read, and when an answer counts as complete."""

from __future__ import annotations

import copy
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
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.failures import FailureKind

GEMINI = DIALECTS["gemini"]
SEED = 20
BEGUN = Started("r1", "gemini")


def response(*parts: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    candidate |= {"index": index} if index else {}
    candidate |= {"finishReason": finish} if finish else {}
    return {"candidates": [candidate], "responseId": "r1", "modelVersion": "gemini", **more}


def sse(*responses: Any, end: bytes = b"\r\n") -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + end * 2 for one in responses)


def read(raw: bytes) -> list[StreamEvent]:
    reader = GEMINI.stream()
    events, _ = reader.feed(raw)
    return events + reader.end()


def kind(events: list[StreamEvent]) -> FailureKind | None:
    last = events[-1]
    return last.failure.kind if isinstance(last, Broken) else None


TEXT = {"text": "Hel"}
CALL = {"functionCall": {"id": "c1", "name": "look", "args": {"q": 1}}, "thoughtSignature": "s"}
SEE = {"functionCall": {"name": "see"}}
TALK = [
    response({"text": "hm", "thought": True}, usageMetadata={"promptTokenCount": 5, "thoughtsTokenCount": 2}),
    response(TEXT),
    response({"text": "lo é"}),
    response(
        {"text": ""},
        CALL,
        SEE,
        {"text": "!", "thoughtSignature": "s"},
        finish="STOP",
        usageMetadata={
            "promptTokenCount": 5,
            "toolUsePromptTokenCount": 3,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 6,
            "thoughtsTokenCount": 2,
        },
    ),
]
TOLD = [
    BEGUN,
    Usage(5, 2, 0, 0, 2),
    ReasoningDelta("hm"),
    TextDelta("Hel"),
    TextDelta("lo é"),
    Usage(8, 8, 4, 0, 2),
    ToolCallDelta(0, "c1", "look", '{"q":1}'),
    ToolCallDelta(1, "", "see", "{}"),
    TextDelta("!"),
    Finished(FinishReason.TOOL_CALLS),
]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_everything_an_answer_may_say(end: bytes) -> None:
    assert read(sse(*TALK, end=end)) == TOLD


@pytest.mark.parametrize("sizes", [(1,), (1, 2, 3, 7, 50, 400)])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_cuts_change_nothing_and_the_bytes_are_passed_on(sizes: tuple[int, ...], end: bytes) -> None:
    dice = random.Random(SEED)
    raw = b": hello\n\n" + sse(*TALK, end=end)
    reader = GEMINI.stream()
    events: list[StreamEvent] = []
    passed, at = b"", 0
    while at < len(raw):
        size = dice.choice(sizes)
        found, on = reader.feed(raw[at : at + size])
        events, passed, at = events + found, passed + on, at + size
    assert events + reader.end() == TOLD
    assert passed + reader.tail == raw


def test_a_stream_is_complete_only_when_every_candidate_has_finished() -> None:
    reader = GEMINI.stream()
    for one in TALK[:-1]:
        reader.feed(sse(one))
        assert kind(copy.deepcopy(reader).end()) is FailureKind.STREAM_BROKEN
    two = [response(TEXT), response(TEXT, index=1), response(finish="STOP")]
    assert kind(read(sse(*two))) is FailureKind.STREAM_BROKEN
    assert kind(read(sse(*two, response(finish="MAX_TOKENS", index=1)))) is None
    assert kind(read(b"")) is FailureKind.STREAM_BROKEN


def test_an_end_without_its_empty_line_is_an_end() -> None:
    reader = GEMINI.stream()
    whole = sse(*TALK)
    events, _ = reader.feed(whole[:-4])
    assert events + reader.end() == TOLD
    assert reader.tail.endswith(b"\n\n")


def whole(answer: Any) -> list[StreamEvent]:
    return GEMINI.answer(json.dumps(answer).encode())


FILTERED = ["SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("BRAND_NEW", FinishReason.STOP),
        *[(name, FinishReason.CONTENT_FILTER) for name in FILTERED],
    ],
)
def test_why_an_answer_ended(said: str, reason: FinishReason) -> None:
    answer = response(TEXT, finish=said)
    assert whole(answer) == read(sse(answer)) == [BEGUN, TextDelta("Hel"), Finished(reason)]


@pytest.mark.parametrize("said", ["MAX_TOKENS", "SAFETY"])
def test_an_answer_that_was_stopped_may_be_empty(said: str) -> None:
    answer = response(finish=said)
    assert isinstance(whole(answer)[-1], Finished) and isinstance(read(sse(answer))[-1], Finished)


@pytest.mark.parametrize("parts", [[], [{"text": ""}], [{"thoughtSignature": "s"}]])
def test_an_answer_of_nothing_is_empty(parts: list[Any]) -> None:
    answer = response(*parts, finish="STOP")
    assert kind(whole(answer)) is kind(read(sse(answer))) is FailureKind.EMPTY


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ("MALFORMED_FUNCTION_CALL", FailureKind.SCHEMA_INVALID),
        ("UNEXPECTED_TOOL_CALL", FailureKind.SCHEMA_INVALID),
        ("TOO_MANY_TOOL_CALLS", FailureKind.SCHEMA_INVALID),
        ("MISSING_THOUGHT_SIGNATURE", FailureKind.INVALID_REQUEST),
        ("OTHER", FailureKind.UNAVAILABLE),
    ],
)
def test_ends_that_are_failures(said: str, failure: FailureKind) -> None:
    answer = response(TEXT, finish=said)
    assert kind(whole(answer)) is kind(read(sse(answer))) is failure


@pytest.mark.parametrize("more", [{}, {"candidates": []}])
def test_a_prompt_that_was_blocked_is_an_answer_of_the_filter(more: dict[str, Any]) -> None:
    blocked = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 5},
        **more,
    }
    for events in (whole(blocked), read(sse(blocked))):
        assert events[-2:] == [Usage(5, 0), Finished(FinishReason.CONTENT_FILTER)]
    rated = response(TEXT, finish="STOP", promptFeedback={"safetyRatings": [{"category": "x"}]})
    assert whole(rated)[-1] == Finished(FinishReason.STOP)


OTHERS = ["inlineData", "fileData", "executableCode", "codeExecutionResult", "toolCall", "toolResponse"]


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_gemini_has_words_for(name: str) -> None:
    answer = response({name: {"x": 1}, "thoughtSignature": "s"}, finish="STOP")
    assert whole(answer) == [BEGUN, OtherContent(name), Finished(FinishReason.STOP)]


def test_a_call_whose_arguments_come_in_pieces_is_told_when_it_is_whole() -> None:
    piece = {"partialArgs": [{"jsonPath": "$.q", "stringValue": "x"}], "willContinue": True}
    events = read(
        sse(
            response({"functionCall": {"name": "look", "id": "c1", "willContinue": True}}),
            response({"functionCall": piece}),
            response({"functionCall": {}}, finish="STOP"),
        )
    )
    assert events == [
        BEGUN,
        ToolCallDelta(0, "c1", "look", '{"q":"x"}'),
        Finished(FinishReason.TOOL_CALLS),
    ]


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize("error", [ERROR, [ERROR]])
def test_an_error_is_one_wherever_it_stands(error: Any) -> None:
    plain = json.dumps(error, indent=2).encode()
    for raw in (plain, sse(error), sse(response(TEXT), error), sse(response(TEXT)) + plain):
        assert kind(read(raw)) is FailureKind.OVERLOADED
    assert kind(whole(error)) is FailureKind.OVERLOADED
    reader = GEMINI.stream()
    events, passed = reader.feed(sse(response(TEXT), error, response(finish="STOP")))
    assert (passed, kind(events)) == (sse(response(TEXT)), FailureKind.OVERLOADED)
    assert reader.feed(sse(response(TEXT))) == ([], b"")


@pytest.mark.parametrize(
    "raw", [b"[]", b"[1]", b"{}", b"null", b"<html>", b'{"candidates": []}', b'[{"candidates": 1}]']
)
def test_what_is_no_answer_is_a_failure(raw: bytes) -> None:
    assert kind(GEMINI.answer(raw)) in {FailureKind.UNAVAILABLE, FailureKind.STREAM_BROKEN}
    assert kind(read(raw)) in {FailureKind.UNAVAILABLE, FailureKind.STREAM_BROKEN}
    assert kind(read(b"data: " + raw + b"\n\n")) in {FailureKind.UNAVAILABLE, FailureKind.STREAM_BROKEN}


def test_a_word_that_is_read_without_parsing_is_what_parsing_gives() -> None:
    """Events of servers that count nothing differ in the word alone."""
    words = [f"w{number} " for number in range(20)] + ['"', "\\", "é", "thought"]
    raw = [sse(response({"text": word}), end=b"\n") for word in words]
    reader = GEMINI.stream()
    told = [event for chunk in raw for event in reader.feed(chunk)[0]]
    assert told == [BEGUN, *[TextDelta(word) for word in words]]
