"""Answers told in the Gemini dialect: its own again, and those of any other as Google's SDK reads them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from google import genai
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from tests.support import telling

from policyroute import ModelRequest
from policyroute.dialects.gemini import Gemini
from policyroute.dialects.gemini.told import FINISH
from policyroute.dialects.translation import Frame
from policyroute.dialects.turns import arguments
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

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

GEMINI = Gemini()
SEED = 20
BODY = b'{"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}'
FRAME = Frame("f1", "asked-for", 1_700_000_000, ModelRequest.read("gemini", BODY, path="/v1beta/models/m:x"))
Ask = Callable[[bytes, bool], list[Any]]


@pytest.fixture(scope="module")
def sdk() -> Iterator[Ask]:
    """Google's own SDK reads these bytes, of a stream or not."""
    now = b""

    def answered(request: httpx.Request) -> httpx.Response:
        kind = "text/event-stream" if "stream" in request.url.path else "application/json"
        return httpx.Response(200, headers={"content-type": kind}, content=now)

    with httpx.Client(transport=httpx.MockTransport(answered)) as client:
        models: Any = genai.Client(api_key="k", http_options=types.HttpOptions(httpx_client=client)).models

        def ask(answer: bytes, stream: bool) -> list[Any]:
            nonlocal now
            now = answer
            if stream:
                return list(models.generate_content_stream(model="m", contents="hi"))
            return [models.generate_content(model="m", contents="hi")]

        yield ask


def test_every_recorded_whole_answer_is_told_as_it_was_read(contents: list[Recording]) -> None:
    """But for the few whose client asked for an array of responses."""
    told = 0
    for recording in contents:
        if recording.status != 200 or recording.sse or isinstance(recording.body, list):
            continue
        events = GEMINI.answer(json.dumps(recording.body).encode(), everything=True)
        if isinstance(events[-1], Broken) or "enum-encoding" in recording.path:
            continue
        again, lost = GEMINI.whole(events, FRAME)
        assert json.loads(again) == recording.body, recording.name
        assert not lost, recording.name
        told += 1
    assert told >= 135


def read_by_us(events: Sequence[StreamEvent]) -> dict[str, Any]:
    """What the first choice says; refusals are text, as Gemini has no other word."""
    calls: dict[int, list[str]] = {}
    for one in events:
        if isinstance(one, ToolCallDelta) and one.choice == 0:
            call = calls.setdefault(one.index, ["", ""])
            call[:] = [call[0] or one.name or "", call[1] + one.arguments]
    usage = [one for one in events if isinstance(one, Usage)][-1:]
    finish = next(one.reason for one in events if isinstance(one, Finished) and one.choice == 0)
    said = [one for one in events if isinstance(one, TextDelta | RefusalDelta | ReasoningDelta) and one.choice == 0]
    return {
        "text": "".join(one.text for one in said if not isinstance(one, ReasoningDelta)),
        "reasoning": "".join(one.text for one in said if isinstance(one, ReasoningDelta)),
        "calls": [(name, arguments(text)) for _, (name, text) in sorted(calls.items())],
        "finish": {FINISH[finish]},
        "usage": [(one.input, one.output, one.cached_input, one.reasoning) for one in usage],
    }


def read_by_the_sdk(answer: list[Any]) -> dict[str, Any]:
    candidates = [one for each in answer for one in each.candidates or () if not one.index]
    parts: list[Any] = [part for one in candidates if one.content for part in one.content.parts or ()]
    usage: list[Any] = [each.usage_metadata for each in answer if each.usage_metadata]
    blocked = {each.prompt_feedback.block_reason.value for each in answer if each.prompt_feedback}
    return {
        "text": "".join(part.text for part in parts if part.text and not part.thought),
        "reasoning": "".join(part.text for part in parts if part.text and part.thought),
        "calls": [(part.function_call.name, part.function_call.args or {}) for part in parts if part.function_call],
        "finish": {one.finish_reason.value for one in candidates if one.finish_reason} | blocked,
        "usage": [
            (
                one.prompt_token_count,
                one.candidates_token_count + (one.thoughts_token_count or 0),
                one.cached_content_token_count or 0,
                one.thoughts_token_count or 0,
            )
            for one in usage
        ],
    }


@pytest.fixture(scope="module")
def foreign(
    recordings: list[Recording], messages: list[Recording], responses: list[Recording]
) -> list[tuple[str, list[StreamEvent]]]:
    """Every complete answer of another dialect, streamed or whole."""
    found: list[tuple[str, list[StreamEvent]]] = []
    named = (("openai_chat", recordings), ("anthropic", messages), ("openai_responses", responses))
    for name, recorded in named:
        for recording in recorded:
            if recording.status != 200 or recording.api == "count_tokens":
                continue
            events = telling.read(name, recording)
            if any(isinstance(one, Finished) for one in events) and not isinstance(events[-1], Broken):
                found.append((f"{name} {recording.name}", events))
    return found


def streamed(events: Sequence[StreamEvent]) -> tuple[bytes, set[str]]:
    writer = GEMINI.writer(FRAME)
    return writer.write(events) + writer.end(), writer.lost


def test_every_answer_of_another_dialect_is_read_by_the_sdk(
    foreign: list[tuple[str, list[StreamEvent]]], sdk: Ask
) -> None:
    for name, events in foreign:
        lost = {one.kind for one in events if isinstance(one, OtherContent)}
        chunks, gone = streamed(events)
        assert read_by_the_sdk(sdk(chunks, True)) == read_by_us(events), name
        assert gone == lost, name
        body, gone = GEMINI.whole(events, FRAME)
        assert read_by_the_sdk(sdk(body, False)) == read_by_us(events), name
        assert gone == lost, name
    assert len(foreign) > 900


def test_where_events_are_cut_changes_no_bytes(foreign: list[tuple[str, list[StreamEvent]]]) -> None:
    dice = random.Random(SEED)
    for name, events in foreign:
        assert telling.in_pieces(GEMINI, events, FRAME, dice) == streamed(events)[0], name


ARGUMENTS = st.sampled_from(["", "{}", "["])
TEXTS = st.text(st.characters(), max_size=8)
INDEXES = st.integers(0, 2)
EVENTS = st.lists(
    st.builds(TextDelta, TEXTS, INDEXES)
    | st.builds(ReasoningDelta, TEXTS, INDEXES)
    | st.builds(RefusalDelta, TEXTS, INDEXES)
    | st.builds(OtherContent, st.just("audio"), INDEXES)
    | st.builds(
        ToolCallDelta,
        INDEXES,
        st.sampled_from(["", "c1", None]),
        st.just("look"),
        st.sampled_from(["", "{}", "["]),
        INDEXES,
    )
    | st.builds(Usage, st.integers(1, 9), st.integers(3, 9), st.integers(0, 1), st.just(0), st.integers(0, 2))
    | st.builds(Started, st.just("a"), TEXTS)
    | st.builds(Finished, st.sampled_from(FinishReason), INDEXES),
    max_size=12,
)


@given(EVENTS)
def test_whatever_the_events_are_they_are_told(events: list[StreamEvent]) -> None:
    streamed(events)
    GEMINI.whole(events, FRAME)
    body = [one for one in events if not isinstance(one, Finished)]
    ended = [*body, TextDelta("."), Usage(5, 3), Finished(FinishReason.LENGTH)]
    whole = [one for one in ended if getattr(one, "choice", 0) == 0]
    reader = GEMINI.stream()
    chunks, _ = streamed(whole)
    again = [*reader.feed(chunks)[0], *reader.end()]
    assert reader.malformed == 0
    expected = read_by_us(whole)
    assert read_by_us(again) == expected
    assert read_by_us(GEMINI.answer(GEMINI.whole(whole, FRAME)[0])) == expected


def test_calls_wait_until_they_are_whole() -> None:
    events: list[StreamEvent] = [
        ToolCallDelta(0, "c0", "look", '{"a":'),
        ToolCallDelta(1, "", "find", ""),
        ToolCallDelta(0, None, None, "1}"),
        Usage(4, 2),
        Finished(FinishReason.TOOL_CALLS),
    ]
    writer = GEMINI.writer(FRAME)
    assert writer.write(events[:4]) == b""
    calls = json.loads(writer.write(events[4:])[6:])["candidates"][0]["content"]["parts"]
    assert calls == [
        {"functionCall": {"id": "c0", "name": "look", "args": {"a": 1}}},
        {"functionCall": {"id": "call_f11", "name": "find", "args": {}}},
    ]
    last = json.loads(writer.end()[6:])
    assert last == {
        "candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6},
        "modelVersion": "asked-for",
        "responseId": "f1",
    }


def test_what_a_filter_kept_back_altogether_is_feedback_on_the_prompt(sdk: Ask) -> None:
    events: list[StreamEvent] = [Started("", "m"), Usage(4, 0), Finished(FinishReason.CONTENT_FILTER)]
    for answer in (sdk(streamed(events)[0], True), sdk(GEMINI.whole(events, FRAME)[0], False)):
        assert answer[-1].prompt_feedback.block_reason is types.BlockedReason.SAFETY
        assert not answer[-1].candidates
        assert answer[-1].usage_metadata.prompt_token_count == 4


# Arguments in pieces --------------------------------------------------------------------------------------------------


def pieces(*calls: dict[str, Any]) -> list[StreamEvent]:
    reader = GEMINI.stream()
    events: list[StreamEvent] = []
    for call in calls:
        chunk = {"candidates": [{"content": {"parts": [{"functionCall": call}]}}]}
        events += reader.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")[0]
    events += reader.feed(b'data: {"candidates": [{"finishReason": "STOP"}]}\n\n')[0]
    return [one for one in [*events, *reader.end()] if isinstance(one, ToolCallDelta | Broken)]


def piece(path: str, **value: Any) -> dict[str, Any]:
    return {"partialArgs": [{"jsonPath": path, **value}], "willContinue": True}


def test_arguments_in_pieces_are_put_together() -> None:
    found = pieces(
        {"name": "look", "id": "c1", "willContinue": True},
        piece("$.place", stringValue="New ", willContinue=True),
        piece("$.place", stringValue="Delhi"),
        piece("$.days[0].hour", numberValue=7),
        piece("$.days[1]['a.b']", boolValue=True),
        piece("$.days[1].none", nullValue="NULL_VALUE"),
        {},
        {"name": "find", "args": {"q": 1}},
        {"name": "last", "willContinue": True},
        piece('$["x"]', stringValue=""),
    )
    assert [
        (one.index, one.id, one.name, json.loads(one.arguments)) for one in found if isinstance(one, ToolCallDelta)
    ] == [
        (0, "c1", "look", {"place": "New Delhi", "days": [{"hour": 7}, {"a.b": True, "none": None}]}),
        (1, "", "find", {"q": 1}),
        (2, "", "last", {"x": ""}),
    ]


@pytest.mark.parametrize("path", ["", "q", "$", "$.a[5]", "$[0]", "$..a", "$.a[*]", "$" + ".a" * 100, "$.s.t"])
def test_a_call_with_a_piece_that_has_no_place_is_not_told(path: str) -> None:
    found = pieces(
        {"name": "look", "willContinue": True}, piece("$.s", stringValue="x"), piece(path, stringValue="y"), {}
    )
    assert [type(one) for one in found] == [Broken]
