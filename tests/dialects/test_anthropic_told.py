"""Any provider's answer, told to a client of Anthropic Messages: its own SDK hears what was said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import pytest

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

from policyroute import ModelRequest
from policyroute.dialects import DIALECTS
from policyroute.dialects.anthropic import Anthropic
from policyroute.dialects.translation import Frame
from policyroute.dialects.turns import arguments
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

ANTHROPIC = Anthropic()
SEED = 4
ASKED = ModelRequest.read("anthropic", b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}')
FRAME = Frame("abc123", "asked", 1_790_000_000, ASKED)
REASONS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
    FinishReason.REFUSAL: "refusal",
    FinishReason.ERROR: "end_turn",
}


def streamed(events: list[StreamEvent]) -> bytes:
    writer = ANTHROPIC.writer(FRAME)
    return writer.write(events) + writer.end()


class Ears:
    """Anthropic's SDK, hearing what it is given."""

    def __init__(self) -> None:
        self._now = httpx2.Response(200)
        transport = httpx2.MockTransport(lambda _: self._now)
        self._client = anthropic.Anthropic(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))

    def stream(self, sse: bytes) -> dict[str, Any]:
        self._now = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=sse)
        with self._client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
            return stream.get_final_message().model_dump(warnings=False)

    def events(self, sse: bytes) -> list[Any]:
        self._now = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=sse)
        return list(self._client.messages.create(model="m", max_tokens=1, messages=[], stream=True))

    def whole(self, body: bytes) -> dict[str, Any]:
        self._now = httpx2.Response(200, headers={"content-type": "application/json"}, content=body)
        return self._client.messages.create(model="m", max_tokens=1, messages=[]).model_dump(warnings=False)


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears()


def said(events: list[StreamEvent]) -> dict[str, Any]:
    """What a client must hear: of the first choice only."""
    first = [event for event in events if not getattr(event, "choice", 0)]
    calls: dict[int, list[str]] = {}
    for event in first:
        if isinstance(event, ToolCallDelta):
            call = calls.setdefault(event.index, [event.id or f"toolu_abc123{event.index}", event.name or "", ""])
            call[2] += event.arguments
    refused = any(isinstance(event, RefusalDelta) for event in first)
    reason = next((REASONS[event.reason] for event in reversed(first) if isinstance(event, Finished)), "end_turn")
    if reason == "end_turn":
        reason = "tool_use" if calls else "refusal" if refused else reason
    usage = next((event for event in reversed(first) if isinstance(event, Usage)), Usage(0, 0))
    return {
        "text": "".join(event.text for event in first if isinstance(event, TextDelta | RefusalDelta)),
        "thoughts": "".join(event.text for event in first if isinstance(event, ReasoningDelta)),
        "calls": [(id_, name, arguments(given.strip())) for id_, name, given in calls.values()],
        "reason": reason,
        "usage": (usage.input, usage.output, min(usage.cached_input, usage.input), usage.cache_write),
    }


def heard(message: dict[str, Any]) -> dict[str, Any]:
    blocks, usage = message["content"], message["usage"]
    cached, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    return {
        "text": "".join(block["text"] for block in blocks if block["type"] == "text"),
        "thoughts": "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        "calls": [(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"],
        "reason": message["stop_reason"],
        "usage": (usage["input_tokens"] + cached + written, usage["output_tokens"], cached, written),
    }


@pytest.fixture(scope="module")
def answers(
    recordings: list[Recording], responses: list[Recording], contents: list[Recording], messages: list[Recording]
) -> list[tuple[str, list[StreamEvent]]]:
    """Every recorded answer that is complete, as events."""
    found: list[tuple[str, list[StreamEvent]]] = []
    for dialect, recorded in (
        ("openai_chat", recordings),
        ("openai_responses", responses),
        ("gemini", contents),
        ("anthropic", [one for one in messages if one.api == "messages"]),
    ):
        for recording in recorded:
            if recording.status != 200:
                continue
            if recording.sse:
                reader = DIALECTS[dialect].stream()
                events, _ = reader.feed(recording.sse)
                events += reader.end()
            else:
                events = DIALECTS[dialect].answer(json.dumps(recording.body).encode())
            if not any(isinstance(event, Broken) for event in events):
                found.append((recording.name, events))
    assert len(found) > 1000
    return found


def test_every_recorded_answer_is_heard_as_a_stream(answers: list[tuple[str, list[StreamEvent]]], ears: Ears) -> None:
    for name, events in answers:
        assert heard(ears.stream(streamed(events))) == said(events), name


def test_every_recorded_answer_is_heard_at_once(answers: list[tuple[str, list[StreamEvent]]], ears: Ears) -> None:
    for name, events in answers:
        body, _ = ANTHROPIC.whole(events, FRAME)
        assert heard(ears.whole(body)) == said(events), name
