"""Recorded traffic in the Responses API: requests are read, answers fold as OpenAI's own SDK folds them, every cut is
seen."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
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
    OtherContent,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.failures import FailureKind

RESPONSES = DIALECTS["openai_responses"]
SEED = 20
DONE = b"data: [DONE]\n\n"
"""What one compatible server says after the end: it is not passed on."""


@pytest.fixture(scope="module")
def answered(responses: list[Recording]) -> list[Recording]:
    return [one for one in responses if one.status == 200]


@pytest.fixture(scope="module")
def streams(answered: list[Recording]) -> list[Recording]:
    return [one for one in answered if one.sse]


def test_every_request_but_those_without_a_model_is_read(responses: list[Recording]) -> None:
    seen: Counter[str] = Counter()
    for recording in responses:
        raw = recording.request
        body = json.dumps(raw).encode()
        if "model" not in raw:
            with pytest.raises(BadRequest) as caught:
                ModelRequest.read("openai_responses", body)
            assert caught.value.code == "missing_model"
            seen["without a model"] += 1
            continue
        request = ModelRequest.read("openai_responses", body)
        seen["read"] += 1
        assert request.model == raw["model"], recording.name
        assert request.stream is bool(raw.get("stream")), recording.name
        assert request.max_tokens == (raw.get("max_output_tokens") or ABSENT), recording.name
        assert len(request.tools) == len(raw.get("tools") or []), recording.name
        assert all(tool.name for tool in request.tools), recording.name
        kinds = Counter(item.get("type") for item in items(raw["input"]))
        assert sum(len(turn.tool_calls) for turn in request.messages) == kinds["function_call"], recording.name
        assert sum(turn.role == "tool" for turn in request.messages) == kinds["function_call_output"], recording.name
        assert request.input_tokens > 0, recording.name
        sent = json.loads(RESPONSES.with_model(body, request.data, "another"))
        assert sent == {**raw, "model": "another"}, recording.name
        seen["kept"] += bool(request.kept)
    assert seen == {"read": 236, "without a model": 2, "kept": 8}


def folded(events: list[StreamEvent]) -> dict[str, Any]:
    """What an answer says in all, put together piece by piece."""
    calls: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            call = calls.setdefault(event.index, [event.id or "", event.name or "", ""])
            call[2] += event.arguments
    usage = [event for event in events if isinstance(event, Usage)][-1]
    return {
        "text": "".join(event.text for event in events if isinstance(event, TextDelta)),
        "refusal": "".join(event.text for event in events if isinstance(event, RefusalDelta)),
        "reasoning": "".join(event.text for event in events if isinstance(event, ReasoningDelta)),
        "calls": [tuple(call) for call in calls.values()],
        "others": [event.kind for event in events if isinstance(event, OtherContent)],
        "finished": [event.reason for event in events if isinstance(event, Finished)],
        "usage": (usage.input, usage.output, usage.cached_input, usage.reasoning),
    }


ORDINARY = ("message", "reasoning", "function_call")


def plain(response: dict[str, Any]) -> dict[str, Any]:
    """The same by hand, from the whole response."""
    output = response["output"]
    parts = [part for item in output if item["type"] == "message" for part in item["content"]]
    thoughts = [
        part
        for item in output
        if item["type"] == "reasoning"
        for part in items(item.get("summary")) or items(item.get("content"))
    ]
    calls = [item for item in output if item["type"] == "function_call"]
    refused = "".join(part["refusal"] for part in parts if part["type"] == "refusal")
    ended = FinishReason.TOOL_CALLS if calls else FinishReason.REFUSAL if refused else FinishReason.STOP
    usage = response["usage"]
    return {
        "text": "".join(part["text"] for part in parts if part["type"] == "output_text"),
        "refusal": refused,
        "reasoning": "".join(part["text"] for part in thoughts),
        "calls": [(item["call_id"], item["name"], item["arguments"]) for item in calls],
        "others": [item["type"] for item in output if item["type"] not in ORDINARY],
        "finished": [FinishReason.LENGTH if response["status"] == "incomplete" else ended],
        "usage": (
            usage["input_tokens"],
            usage["output_tokens"],
            obj(usage.get("input_tokens_details")).get("cached_tokens") or 0,
            obj(usage.get("output_tokens_details")).get("reasoning_tokens") or 0,
        ),
    }


def test_every_whole_answer_folds_to_what_it_says(answered: list[Recording]) -> None:
    whole = [one for one in answered if not one.sse]
    for recording in whole:
        if recording.body["object"] == "response.compaction":
            continue  # the answer of another endpoint
        events = RESPONSES.answer(json.dumps(recording.body).encode())
        assert folded(events) == plain(recording.body), recording.name
    assert Counter(one.body["object"] for one in whole) == {"response": 152, "response.compaction": 2}


def kind(events: list[StreamEvent]) -> FailureKind | None:
    last = events[-1]
    return last.failure.kind if isinstance(last, Broken) else None


def read(sse: bytes) -> list[StreamEvent]:
    reader = RESPONSES.stream()
    events, _ = reader.feed(sse)
    return events + reader.end()


def test_every_stream_folds_as_the_sdk_folds_it(streams: list[Recording]) -> None:
    now = b""
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=now)
    )
    with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport)) as client:
        for recording in streams:
            now = recording.sse
            final: Any = None
            for event in client.responses.create(model="m", input="x", stream=True):
                final = event if event.type in ("response.completed", "response.incomplete") else final
            whole = final.response.model_dump(warnings=False)
            assert folded(read(recording.sse)) == plain(whole), recording.name
    assert len(streams) == 75


def test_cuts_change_nothing_and_the_bytes_are_passed_on(streams: list[Recording]) -> None:
    dice = random.Random(SEED)
    smallest = sorted(streams, key=lambda one: len(one.sse))[:20]
    for recording, sizes in [*((one, (1, 2, 7, 60, 500, 4000)) for one in streams), *((one, (1,)) for one in smallest)]:
        reader = RESPONSES.stream()
        events: list[StreamEvent] = []
        passed, at = b"", 0
        while at < len(recording.sse):
            size = dice.choice(sizes)
            found, raw = reader.feed(recording.sse[at : at + size])
            events, passed, at = events + found, passed + raw, at + size
        assert events + reader.end() == read(recording.sse), recording.name
        assert passed + reader.tail == recording.sse.removesuffix(DONE), recording.name
        assert reader.malformed == 0, recording.name


def test_a_stream_cut_before_its_end_is_never_complete(streams: list[Recording]) -> None:
    checked = 0
    for recording in streams:
        reader = RESPONSES.stream()
        for block in Framer().feed(recording.sse.removesuffix(DONE))[:-1]:
            events, _ = reader.feed(block)
            assert not any(isinstance(event, Finished) for event in events), recording.name
            assert kind(copy.deepcopy(reader).end()) is FailureKind.STREAM_BROKEN, recording.name
            checked += 1
    counted("recorded Responses streams", {"streams": len(streams), "cuts": checked})
    assert checked > 3000


def test_recorded_errors_are_what_they_are(responses: list[Recording]) -> None:
    kinds: Counter[tuple[int, str]] = Counter()
    for recording in responses:
        if recording.status != 200:
            body = json.dumps(recording.body).encode()
            failure = RESPONSES.failure(recording.status, recording.headers, body, 0.0)
            kinds[recording.status, failure.kind.value] += 1
            assert failure.message
    assert kinds == {(401, "auth"): 5, (400, "invalid_request"): 2, (400, "model_not_found"): 1, (400, "auth"): 1}
