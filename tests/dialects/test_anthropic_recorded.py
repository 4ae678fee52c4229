"""Recorded traffic with Anthropic: requests are read, answers fold as its own SDK folds them, every cut is seen."""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import pytest
from tests.support.counted import counted

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

from policyroute import BadRequest, ModelRequest, Operation
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
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.failures import FailureKind

ANTHROPIC = DIALECTS["anthropic"]
SEED = 20
REASONS = {"tool_use": FinishReason.TOOL_CALLS, "max_tokens": FinishReason.LENGTH}


@pytest.fixture(scope="module")
def answered(messages: list[Recording]) -> list[Recording]:
    return [one for one in messages if one.status == 200 and one.api == "messages"]


@pytest.fixture(scope="module")
def streams(answered: list[Recording]) -> list[Recording]:
    return [one for one in answered if one.sse]


def request_of(recording: Recording) -> ModelRequest:
    return ModelRequest.read(
        "anthropic",
        json.dumps(recording.request).encode(),
        operation=Operation.COUNT_TOKENS if recording.api == "count_tokens" else Operation.CHAT,
    )


def test_every_request_that_was_answered_is_read(messages: list[Recording]) -> None:
    for recording in messages:
        raw = recording.request
        if recording.status == 400:
            with pytest.raises(BadRequest):
                request_of(recording)
            continue
        request = request_of(recording)
        assert request.model == raw["model"], recording.name
        assert request.stream is bool(raw.get("stream")), recording.name
        assert request.max_tokens == raw.get("max_tokens", ABSENT), recording.name
        assert len(request.tools) == len(raw.get("tools") or []), recording.name
        assert all(tool.name for tool in request.tools), recording.name
        blocks = [block for turn in raw["messages"] for block in items(turn["content"])]
        for role, kind in (("tool", "tool_result"), ("assistant", "tool_use")):
            found = [turn for turn in request.messages if turn.role == role]
            number = len(found) if role == "tool" else sum(len(turn.tool_calls) for turn in found)
            assert number == sum(block["type"] == kind for block in blocks), recording.name
        assert bool(request.system) is bool(raw.get("system")) or "system" in {turn["role"] for turn in raw["messages"]}
        assert request.input_tokens > 0, recording.name
    assert len(messages) > 200


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
        "reasoning": "".join(event.text for event in events if isinstance(event, ReasoningDelta)),
        "calls": [(id_, name, json.loads(arguments)) for id_, name, arguments in calls.values()],
        "others": [event.kind for event in events if isinstance(event, OtherContent)],
        "finished": [event.reason for event in events if isinstance(event, Finished)],
        "usage": (usage.input, usage.output, usage.cached_input, usage.cache_write),
    }


ORDINARY = ("text", "thinking", "redacted_thinking", "tool_use")


def plain(message: dict[str, Any]) -> dict[str, Any]:
    """The same by hand, from the whole message."""
    blocks = message["content"]
    usage = {name: number or 0 for name, number in message["usage"].items() if name.endswith("tokens")}
    cached, written = usage.get("cache_read_input_tokens", 0), usage.get("cache_creation_input_tokens", 0)
    return {
        "text": "".join(block["text"] for block in blocks if block["type"] == "text"),
        "reasoning": "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        "calls": [(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"],
        "others": [block["type"] for block in blocks if block["type"] not in ORDINARY],
        "finished": [REASONS.get(message["stop_reason"], FinishReason.STOP)],
        "usage": (usage["input_tokens"] + cached + written, usage["output_tokens"], cached, written),
    }


def test_every_whole_answer_folds_to_what_it_says(answered: list[Recording]) -> None:
    whole = [one for one in answered if not one.sse]
    for recording in whole:
        events = ANTHROPIC.answer(json.dumps(recording.body).encode())
        if kind(events) is FailureKind.EMPTY:
            assert recording.body["content"] == [], recording.name
        else:
            assert folded(events) == plain(recording.body), recording.name
    assert len(whole) > 100


def kind(events: list[StreamEvent]) -> FailureKind | None:
    last = events[-1]
    return last.failure.kind if isinstance(last, Broken) else None


def read(sse: bytes) -> list[StreamEvent]:
    reader = ANTHROPIC.stream()
    events, _ = reader.feed(sse)
    return events + reader.end()


def test_every_stream_folds_as_the_sdk_folds_it(streams: list[Recording]) -> None:
    now = b""
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=now)
    )
    with anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=transport)) as client:
        for recording in streams:
            now = recording.sse
            with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
                final = stream.get_final_message()
            assert folded(read(recording.sse)) == plain(final.model_dump(warnings=False)), recording.name
    assert len(streams) > 60


def test_cuts_change_nothing_and_the_bytes_are_passed_on(streams: list[Recording]) -> None:
    dice = random.Random(SEED)
    smallest = sorted(streams, key=lambda one: len(one.sse))[:20]
    for recording, sizes in [*((one, (1, 2, 7, 60, 500, 4000)) for one in streams), *((one, (1,)) for one in smallest)]:
        reader = ANTHROPIC.stream()
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
        reader = ANTHROPIC.stream()
        for block in Framer().feed(recording.sse)[:-1]:
            reader.feed(block)
            assert not reader.complete, recording.name
            assert kind(copy.deepcopy(reader).end()) is FailureKind.STREAM_BROKEN, recording.name
            checked += 1
    counted("recorded Anthropic streams", {"streams": len(streams), "cuts": checked})
    assert checked > 2000


def test_recorded_errors_are_what_they_are(messages: list[Recording]) -> None:
    expected = {401: FailureKind.AUTH, 404: FailureKind.MODEL_NOT_FOUND, 400: FailureKind.INVALID_REQUEST}
    errors = [one for one in messages if one.status != 200]
    for recording in errors:
        failure = ANTHROPIC.failure(recording.status, recording.headers, json.dumps(recording.body).encode(), 0.0)
        assert failure.kind is expected[recording.status], recording.name
        assert failure.message == recording.body["error"]["message"]
    assert len(errors) == 4


def test_recorded_counts_are_answers(messages: list[Recording]) -> None:
    counts = [one for one in messages if one.api == "count_tokens" and one.status == 200]
    for recording in counts:
        events = ANTHROPIC.answer(json.dumps(recording.body).encode(), (), request_of(recording))
        assert events == [OtherContent("input_tokens"), Finished(FinishReason.STOP)], recording.name
    assert len(counts) > 5


def test_the_estimate_of_a_count_is_no_worse_than_promised(messages: list[Recording]) -> None:
    """Within a factor of three, tools and files aside: rules may rest on it, bills may not."""
    for recording in messages:
        if recording.api == "count_tokens" and recording.status == 200 and not recording.request.get("tools"):
            exact = obj(recording.body)["input_tokens"]
            if set(request_of(recording).modalities) == {"text"} and exact > 50:
                assert exact / 3 < request_of(recording).input_tokens < exact * 3, recording.name
