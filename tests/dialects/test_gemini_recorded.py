"""Recorded traffic with the Gemini API and Vertex AI: requests are read and sent as they are, answers fold as Google's
own SDK folds them, every cut is seen."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from google import genai
from google.genai import types
from tests.support.counted import counted

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

from policyroute import BadRequest, ModelRequest
from policyroute.absent import ABSENT
from policyroute.dialects import DIALECTS
from policyroute.dialects.shapes import items, obj
from policyroute.dialects.sse import Framer
from policyroute.events import (
    Broken,
    Finished,
    FinishReason,
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
ROLE = "Please use a valid role"


@pytest.fixture(scope="module")
def streams(contents: list[Recording]) -> list[Recording]:
    return [one for one in contents if one.status == 200 and one.sse]


@pytest.fixture(scope="module")
def whole(contents: list[Recording]) -> list[Recording]:
    """But for a few whose client asked for arrays, or for numbers in place of names; nobody here does."""
    return [one for one in contents if one.status == 200 and not one.sse and "enum-encoding" not in one.path]


def request_of(recording: Recording) -> ModelRequest:
    return ModelRequest.read("gemini", json.dumps(recording.request).encode(), path=recording.path.partition("?")[0])


def either(fields: dict[str, Any], camel: str, snake: str) -> Any:
    return fields.get(camel, fields.get(snake))


def test_every_request_that_was_answered_is_read_and_sent_as_it_is(contents: list[Recording]) -> None:
    tried = calls = results = 0
    for recording in contents:
        if ROLE in json.dumps(recording.body):
            with pytest.raises(BadRequest):
                request_of(recording)
            continue
        raw = recording.request
        request = request_of(recording)
        asked = recording.path.partition("?")[0].rpartition("/models/")[2]
        assert f"{request.model}:{'streamGenerateContent' if request.stream else 'generateContent'}" == asked
        config = obj(either(raw, "generationConfig", "generation_config"))
        assert (
            request.max_tokens == either(config, "maxOutputTokens", "max_output_tokens") or request.max_tokens is ABSENT
        )
        assert bool(request.system) is bool(either(raw, "systemInstruction", "system_instruction")), recording.name
        assert all(tool.name for tool in request.tools), recording.name
        parts = [part for turn in raw["contents"] for part in items(turn.get("parts"))]
        called = [call for turn in request.messages for call in turn.tool_calls]
        assert [call.name for call in called] == [
            call["name"] for part in parts if (call := either(part, "functionCall", "function_call"))
        ]
        answered = [turn for turn in request.messages if turn.role == "tool"]
        assert len(answered) == sum(bool(either(part, "functionResponse", "function_response")) for part in parts)
        assert request.input_tokens > 0, recording.name
        sent = orjson.loads(GEMINI.with_model(request.body, request.data, "other"))
        assert sent == {name: value for name, value in raw.items() if name != "model"}, recording.name
        tried, calls, results = tried + 1, calls + len(called), results + len(answered)
    assert tried == len(contents) - 1 > 200
    assert calls > 100 and results > 100


def folded(events: list[StreamEvent]) -> dict[str, Any]:
    """What an answer says in all, put together piece by piece."""
    usage = [event for event in events if isinstance(event, Usage)][-1]
    return {
        "text": "".join(event.text for event in events if isinstance(event, TextDelta)),
        "reasoning": "".join(event.text for event in events if isinstance(event, ReasoningDelta)),
        "calls": [(one.name, json.loads(one.arguments)) for one in events if isinstance(one, ToolCallDelta)],
        "usage": (usage.input, usage.output, usage.cached_input, usage.reasoning),
        "model": [(event.id, event.model) for event in events if isinstance(event, Started)],
    }


Ask = Callable[[bytes, bool], list[Any]]


@pytest.fixture(scope="module")
def sdk() -> Iterator[Ask]:
    """Google's own SDK reads these bytes, of a stream or not."""
    now = b""
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "application/json"}, content=now)
    )
    with httpx.Client(transport=transport) as client:
        models: Any = genai.Client(api_key="k", http_options=types.HttpOptions(httpx_client=client)).models

        def ask(answer: bytes, stream: bool) -> list[Any]:
            nonlocal now
            now = answer
            if stream:
                return list(models.generate_content_stream(model="m", contents="hi"))
            return [models.generate_content(model="m", contents="hi")]

        yield ask


def by_the_sdk(read: list[Any]) -> dict[str, Any]:
    candidates = [candidate for one in read for candidate in one.candidates or ()]
    parts: list[Any] = [part for one in candidates if one.content for part in one.content.parts or ()]
    usage: Any = [one.usage_metadata for one in read if one.usage_metadata][-1]
    thoughts = usage.thoughts_token_count or 0
    asked = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    return {
        "text": "".join(part.text for part in parts if part.text and not part.thought),
        "reasoning": "".join(part.text for part in parts if part.text and part.thought),
        "calls": [(part.function_call.name, part.function_call.args or {}) for part in parts if part.function_call],
        "usage": (
            asked,
            (usage.candidates_token_count or 0) + thoughts,
            usage.cached_content_token_count or 0,
            thoughts,
        ),
        "model": [(read[0].response_id, read[0].model_version)],
    }


def kind(events: list[StreamEvent]) -> FailureKind | None:
    last = events[-1]
    return last.failure.kind if isinstance(last, Broken) else None


def test_every_whole_answer_folds_as_the_sdk_reads_it(whole: list[Recording], sdk: Ask) -> None:
    failed: list[FailureKind] = []
    for recording in whole:
        raw = json.dumps(recording.body).encode()
        events = GEMINI.answer(raw)
        failure = kind(events)
        if failure is not None:
            failed.append(failure)
        assert folded(events) == by_the_sdk(sdk(raw, False)), recording.name
    assert failed == [FailureKind.SCHEMA_INVALID]  # a call of a tool that was not declared
    assert len(whole) > 130


def read(sse: bytes) -> list[StreamEvent]:
    reader = GEMINI.stream()
    events, _ = reader.feed(sse)
    return events + reader.end()


def test_every_stream_folds_as_the_sdk_reads_it(streams: list[Recording], sdk: Ask) -> None:
    for recording in streams:
        events = read(recording.sse)
        assert folded(events) == by_the_sdk(sdk(recording.sse, True)), recording.name
        assert isinstance(events[-1], Finished), recording.name
        called = any(isinstance(event, ToolCallDelta) for event in events)
        assert (events[-1].reason is FinishReason.TOOL_CALLS) is called, recording.name
    assert len(streams) == 70


def test_cuts_change_nothing_and_the_bytes_are_passed_on(streams: list[Recording]) -> None:
    dice = random.Random(SEED)
    smallest = sorted(streams, key=lambda one: len(one.sse))[:20]
    for recording, sizes in [*((one, (1, 2, 7, 60, 500, 4000)) for one in streams), *((one, (1,)) for one in smallest)]:
        reader = GEMINI.stream()
        events: list[StreamEvent] = []
        passed, at = b"", 0
        while at < len(recording.sse):
            size = dice.choice(sizes)
            found, raw = reader.feed(recording.sse[at : at + size])
            events, passed, at = events + found, passed + raw, at + size
        assert events + reader.end() == read(recording.sse), recording.name
        assert passed + reader.tail == recording.sse, recording.name
        assert reader.malformed == 0, recording.name


def test_a_stream_cut_before_its_end_is_never_complete(streams: list[Recording]) -> None:
    checked = 0
    for recording in streams:
        reader = GEMINI.stream()
        for block in Framer().feed(recording.sse)[:-1]:
            assert kind(copy.deepcopy(reader).end()) is FailureKind.STREAM_BROKEN, recording.name
            reader.feed(block)
            assert kind(copy.deepcopy(reader).end()) is FailureKind.STREAM_BROKEN, recording.name
            checked += 1
    counted("recorded Gemini streams", {"streams": len(streams), "cuts": checked})
    assert checked > 150


def test_recorded_errors_are_what_they_are(contents: list[Recording]) -> None:
    found: dict[str, FailureKind] = {}
    for recording in (one for one in contents if one.status != 200):
        body = recording.sse or json.dumps(recording.body).encode()
        failure = GEMINI.failure(recording.status, recording.headers, body, 0.0)
        found[failure.message[:20]] = failure.kind
        assert (failure.retry_after is not None) is (recording.status == 429), recording.name
    assert found == {
        "API key not valid. P": FailureKind.AUTH,
        "You exceeded your cu": FailureKind.RATE_LIMITED,  # by the minute
        "models/there-is-no-s": FailureKind.MODEL_NOT_FOUND,
        "models/gemini-3.6-fl": FailureKind.MODEL_NOT_FOUND,
        "Publisher Model `pro": FailureKind.MODEL_NOT_FOUND,
        "Cannot fetch content": FailureKind.INVALID_REQUEST,
        "The input token coun": FailureKind.CONTEXT_OVERFLOW,
        "Please use a valid r": FailureKind.INVALID_REQUEST,
        "Unable to submit req": FailureKind.INVALID_REQUEST,
    }
