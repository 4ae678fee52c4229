"""Any provider's answer, told to a client of OpenAI Responses: its own SDK hears what was said."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response

from policyroute import ModelRequest
from policyroute.dialects import DIALECTS
from policyroute.dialects.openai_responses import OpenAIResponses
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

RESPONSES = OpenAIResponses()
SEED = 22


def asking(**more: Any) -> Frame:
    body = {"model": "m", "input": "hi", "stream": True, **more}
    return Frame("f1", "asked-for", 1_700_000_000, ModelRequest.read("openai_responses", json.dumps(body).encode()))


FRAME = asking()


def told(events: Sequence[StreamEvent], frame: Frame = FRAME) -> bytes:
    writer = RESPONSES.writer(frame)
    return writer.write(events) + writer.end()


def events_of(sse: bytes) -> list[dict[str, Any]]:
    """Each event, its name and its type being one."""
    found: list[dict[str, Any]] = []
    for block in sse.decode().removesuffix("\n\n").split("\n\n"):
        name, _, data = block.partition("\ndata: ")
        event = json.loads(data)
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


@dataclass
class Said:
    """What an answer says, whoever tells it."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    finish: str = ""
    usage: tuple[int, int, int, int, int] | None = None
    model: str = ""

    def called(self) -> list[tuple[str, Any]]:
        """By name and arguments; those of a custom tool are a text of any kind."""
        return [(name, whatever(said or "{}")) for name, said in self.calls.values()]


def whatever(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def said(events: Sequence[StreamEvent]) -> Said:
    """Of the first choice: there is no other."""
    fold = Said()
    for event in events:
        if getattr(event, "choice", 0):
            continue
        match event:
            case TextDelta(text):
                fold.text += text
            case ReasoningDelta(text):
                fold.reasoning += text
            case RefusalDelta(text):
                fold.refusal += text
            case ToolCallDelta(index, _, name, arguments):
                fold.calls.setdefault(index, [name or "", ""])[1] += arguments
            case Finished(reason):
                fold.finish = fold.finish or reason
            case Usage():
                fold.usage = (event.input, event.output, event.cached_input, event.cache_write, event.reasoning)
            case Started():
                fold.model = fold.model or event.model
            case _:
                pass
    return fold


def ending(of: Said) -> tuple[str, str | None]:
    """What is lost: a refusal without words ends as what a filter does."""
    if of.finish == FinishReason.LENGTH:
        return "incomplete", "max_output_tokens"
    if of.finish == FinishReason.CONTENT_FILTER or (of.finish == FinishReason.REFUSAL and not of.refusal):
        return "incomplete", "content_filter"
    return "completed", None


def read_by_sdk(response: Response) -> Said:
    fold = Said(model=response.model)
    ids: list[str | None] = []
    for item in response.output:
        ids.append(item.id)
        if item.type == "message":
            for part in item.content:
                if part.type == "output_text":
                    fold.text += part.text
                else:
                    fold.refusal += part.refusal
        elif item.type == "reasoning":
            fold.reasoning += "".join(part.text for part in item.summary)
        else:
            assert item.type == "function_call"
            ids.append(item.call_id)
            fold.calls[len(fold.calls)] = [item.name, item.arguments]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    if response.usage:
        given, answered = response.usage.input_tokens_details, response.usage.output_tokens_details
        asked, output = response.usage.input_tokens, response.usage.output_tokens
        assert response.usage.total_tokens == asked + output
        fold.usage = (asked, output, given.cached_tokens, given.cache_write_tokens, answered.reasoning_tokens)
    return fold


class Serving:
    """The SDK, before a provider that answers what it is given. There is one: making a client takes long."""

    def __init__(self) -> None:
        self._body, self._kind = b"", ""
        web = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        self._sdk = openai.OpenAI(api_key="k", base_url="http://api.example", http_client=web, max_retries=0)

    def _answer(self, _: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": self._kind}, content=self._body)

    def __call__(self, body: bytes, kind: str) -> openai.OpenAI:
        self._body, self._kind = body, kind
        return self._sdk


SERVING = Serving()


def streamed(body: bytes) -> Response:
    """By the SDK's accumulator, which refuses what is not legal; and by whoever reads the events."""
    number, ended = 0, None
    with SERVING(body, "text/event-stream").responses.stream(model="m", input="hi") as stream:
        for event in stream:
            assert event.sequence_number == number
            number += 1
            if event.type in ("response.completed", "response.incomplete"):
                ended = event.response
    assert ended
    sdk = SERVING(body, "text/event-stream")
    raw = list(sdk.responses.create(model="m", input="hi", stream=True))
    assert [event.type for event in raw[:2]] == ["response.created", "response.in_progress"]
    assert len(raw) == number
    return Response.model_validate(ended.model_dump(warnings=False))


def whole(body: bytes) -> Response:
    return SERVING(body, "application/json").responses.create(model="m", input="hi")


def same(response: Response, events: Sequence[StreamEvent], name: str) -> None:
    found, expected = read_by_sdk(response), said(events)
    assert response.id == "resp_f1" or response.id in {one.id for one in events if isinstance(one, Started)}, name
    assert response.created_at == FRAME.created, name
    assert (found.text, found.reasoning, found.refusal) == (expected.text, expected.reasoning, expected.refusal), name
    assert found.called() == expected.called(), name
    assert found.usage == expected.usage, name
    assert found.model == (expected.model or FRAME.model), name
    why = response.incomplete_details.reason if response.incomplete_details else None
    assert (response.status, why) == ending(expected), name


def legal(sse: bytes, name: str) -> None:
    """The grammar: items begin in order, and each is told in parts, then as the whole of them, and ends."""
    events = events_of(sse)
    assert [event["sequence_number"] for event in events] == list(range(len(events))), name
    words: dict[tuple[Any, ...], str] = {}
    begun: list[str] = []
    done: dict[int, Any] = {}
    for event in events[2:-1]:
        kind, _, step = event["type"].rpartition(".")
        place = event["output_index"]
        assert place not in done, name
        if kind == "response.output_item" and step == "added":
            assert place == len(begun), name
            begun.append(event["item"]["id"])
        elif kind == "response.output_item":
            done[place] = event["item"]
        else:
            assert begun[place] == event["item_id"], name
            key = (kind, place, event.get("content_index"), event.get("summary_index"))
            if step == "delta":
                words[key] = words.get(key, "") + event["delta"]
            elif step == "done" and "part" not in event:
                assert words[key] == event.get("text", event.get("refusal", event.get("arguments"))), name
    response = events[-1]["response"]
    assert [done[place] for place in range(len(begun))] == response["output"], name
    assert {event["response"]["id"] for event in (*events[:2], events[-1])} == {response["id"]}, name


def in_pieces(events: Sequence[StreamEvent], dice: random.Random) -> bytes:
    writer = RESPONSES.writer(FRAME)
    sent, at = b"", 0
    while at < len(events):
        size = dice.choice((0, 1, 1, 2, 5, 40))
        sent, at = sent + writer.write(events[at : at + size]), at + size
    return sent + writer.end()


def read(dialect: str, recording: Recording) -> list[StreamEvent]:
    if not recording.sse:
        return DIALECTS[dialect].answer(json.dumps(recording.body).encode())
    reader = DIALECTS[dialect].stream()
    events, _ = reader.feed(recording.sse)
    return events + reader.end()


OTHERS = (
    ("recordings", "openai_chat"),
    ("messages", "anthropic"),
    ("responses", "openai_responses"),
    ("contents", "gemini"),
)


@pytest.mark.parametrize(("recorded", "dialect"), OTHERS, ids=[dialect for _, dialect in OTHERS])
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
        kinds |= {"choices" for event in events if getattr(event, "choice", 0)}
        others += bool(kinds)
        body = told(events)
        legal(body, recording.name)
        same(streamed(body), events, recording.name)
        assert in_pieces(events, dice) == body, recording.name
        answer, lost = RESPONSES.whole(events, FRAME)
        same(whole(answer), events, recording.name)
        assert lost == kinds, recording.name
        streams, wholes = streams + bool(recording.sse), wholes + (not recording.sse)
    assert all(found >= least for found, least in zip((streams, wholes, others), LEAST[dialect], strict=True))


LEAST = {
    "openai_chat": (194, 375, 3),
    "anthropic": (67, 135, 32),
    "openai_responses": (75, 154, 27),
    "gemini": (70, 136, 8),
}
"""Streams, whole answers, and those of both that hold something that is lost here."""


def test_every_recorded_whole_answer_is_told_as_it_was_read(responses: list[Recording]) -> None:
    equal = 0
    for recording in responses:
        if recording.status != 200 or recording.sse:
            continue
        events = RESPONSES.answer(json.dumps(recording.body).encode(), everything=True)
        assert not isinstance(events[-1], Broken), recording.name
        assert [type(event) for event in events] == [type(event) for event in read("openai_responses", recording)]
        answer, lost = RESPONSES.whole(events, FRAME)
        assert json.loads(answer) == recording.body, recording.name
        assert not lost, recording.name
        equal += 1
    assert equal >= 154
