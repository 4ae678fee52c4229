"""Any provider's answer, told to a client of OpenAI Responses: its own SDK hears what was said."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response
from tests.support import telling
from tests.support.telling import RECORDED, SERVING, Said, in_pieces, read, said

from policyroute import ModelRequest
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
    return telling.streamed(RESPONSES, events, frame)


def events_of(sse: bytes) -> list[dict[str, Any]]:
    """Each event, its name and its type being one."""
    found: list[dict[str, Any]] = []
    for block in sse.decode().removesuffix("\n\n").split("\n\n"):
        name, _, data = block.partition("\ndata: ")
        event = json.loads(data)
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


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


def streamed(body: bytes) -> Response:
    """By the SDK's accumulator, which refuses what is not legal; and by whoever reads the events."""
    number, ended = 0, list[Response]()
    with SERVING(body, "text/event-stream").responses.stream(model="m", input="hi") as stream:
        for event in stream:
            assert event.sequence_number == number
            number += 1
            if event.type == "response.completed" or event.type == "response.incomplete":  # noqa: PLR1714 - types
                ended.append(event.response)
    [response] = ended
    sdk = SERVING(body, "text/event-stream")
    raw = list(sdk.responses.create(model="m", input="hi", stream=True))
    assert [event.type for event in raw[:2]] == ["response.created", "response.in_progress"]
    assert len(raw) == number
    return Response.model_validate(response.model_dump(warnings=False))


def whole(body: bytes) -> Response:
    return SERVING(body, "application/json").responses.create(model="m", input="hi")


def same(response: Response, events: Sequence[StreamEvent], name: str) -> None:
    found, expected = read_by_sdk(response), said(events)
    given = {one.id for one in events if isinstance(one, Started)}
    assert response.id in {"resp_policyroute_f1", *given}, name
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


@pytest.mark.parametrize(("recorded", "dialect"), RECORDED, ids=[dialect for _, dialect in RECORDED])
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
        assert in_pieces(RESPONSES, events, FRAME, dice) == body, recording.name
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


INDEXES = st.integers(0, 3)
WORDS = st.text(max_size=8)
ANSWERS = st.lists(
    st.builds(TextDelta, WORDS, st.integers(0, 1))
    | st.builds(ReasoningDelta, WORDS)
    | st.builds(RefusalDelta, WORDS)
    | st.builds(ToolCallDelta, INDEXES, st.sampled_from([None, "", "a"]), st.sampled_from(["", "f"]), WORDS)
    | st.builds(ToolCallDelta, INDEXES, st.none(), st.none(), st.sampled_from(["{", '"a"', ":1", "}", " "]))
    | st.builds(Finished, st.sampled_from([one for one in FinishReason if one is not FinishReason.ERROR]))
    | st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.just(0))
    | st.builds(OtherContent, WORDS)
    | st.builds(Started, WORDS, WORDS),
    max_size=12,
)


@settings(max_examples=150)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_whatever_is_said_is_read_again(events: list[StreamEvent], dice: random.Random) -> None:
    body = told(events)
    legal(body, "")
    assert in_pieces(RESPONSES, events, FRAME, dice) == body
    answer, lost = RESPONSES.whole(events, FRAME)
    reader = RESPONSES.stream()
    by_stream, _ = reader.feed(body)
    by_stream += reader.end()
    was = said(events)
    for found in (RESPONSES.answer(answer), by_stream):
        if isinstance(found[-1], Broken):
            assert found[-1].failure.kind is FailureKind.EMPTY
            continue
        now = said(found)
        assert (now.text, now.reasoning, now.refusal) == (was.text, was.reasoning, was.refusal)
        assert now.usage == was.usage
        assert now.finish
        if "tool_calls" not in lost:
            assert [[name, one or "{}"] for name, one in now.calls.values()] == [
                [name, one or "{}"] for name, one in was.calls.values()
            ]


def test_items_follow_each_other_and_open_calls_wait_for_their_arguments() -> None:
    events: list[StreamEvent] = [
        Started("x", "served"),
        ReasoningDelta("hm"),
        TextDelta("I "),
        TextDelta("look"),
        ToolCallDelta(4, "a", "look", ""),
        ToolCallDelta(2, "", "find", '{"q":1}'),
        TextDelta(" and"),
        ToolCallDelta(4, None, None, '{"at":2}'),
        ToolCallDelta(2, None, None, " more"),
        ToolCallDelta(5, "a", "wait", ""),
        Finished(FinishReason.STOP),
        Usage(10, 5, 4, 3, 2),
    ]
    found = events_of(told(events))
    assert [(event["type"].removeprefix("response."), event.get("output_index")) for event in found] == [
        ("created", None),
        ("in_progress", None),
        ("output_item.added", 0),
        ("reasoning_summary_part.added", 0),
        ("reasoning_summary_text.delta", 0),
        ("reasoning_summary_text.done", 0),
        ("reasoning_summary_part.done", 0),
        ("output_item.done", 0),
        ("output_item.added", 1),
        ("content_part.added", 1),
        ("output_text.delta", 1),
        ("output_text.delta", 1),
        ("output_text.done", 1),
        ("content_part.done", 1),
        ("output_item.done", 1),
        ("output_item.added", 2),
        ("output_item.added", 3),
        ("function_call_arguments.delta", 3),
        ("function_call_arguments.done", 3),
        ("output_item.done", 3),
        ("output_item.added", 4),
        ("content_part.added", 4),
        ("output_text.delta", 4),
        ("function_call_arguments.delta", 2),
        ("output_text.done", 4),
        ("content_part.done", 4),
        ("output_item.done", 4),
        ("function_call_arguments.done", 2),
        ("output_item.done", 2),
        ("output_item.added", 5),
        ("function_call_arguments.delta", 5),
        ("function_call_arguments.done", 5),
        ("output_item.done", 5),
        ("completed", None),
    ]
    response = found[-1]["response"]
    assert [item.get("call_id") for item in response["output"]] == [None, None, "a", "call_f1_3", None, "call_f1_5"]
    assert [item["id"] for item in response["output"]][:3] == ["rs_policyroutef1_0", "msg_f1_1", "fc_f1_2"]
    assert [item["arguments"] for item in response["output"] if "arguments" in item] == ['{"at":2}', '{"q":1}', "{}"]
    assert response["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }
    answer, lost = RESPONSES.whole(events, FRAME)
    assert json.loads(answer) == response
    assert lost == {"tool_calls"}


def test_words_are_told_as_they_come() -> None:
    writer = RESPONSES.writer(FRAME)
    assert writer.write([Started("x", "served")]) == b""
    first = writer.write([TextDelta("One")])
    assert b'"model":"served"' in first
    assert b'"delta":"One"' in first
    assert writer.write([TextDelta(" two")]) == (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_f1_0",'
        b'"output_index":0,"content_index":0,"logprobs":[],"delta":" two","sequence_number":5}\n\n'
    )


def test_a_refusal_after_words_is_a_part_of_the_same_message() -> None:
    events: list[StreamEvent] = [
        TextDelta("I"),
        RefusalDelta("can"),
        RefusalDelta("not"),
        Finished(FinishReason.REFUSAL),
    ]
    [message] = events_of(told(events))[-1]["response"]["output"]
    assert [(part["type"], part.get("text", part.get("refusal"))) for part in message["content"]] == [
        ("output_text", "I"),
        ("refusal", "cannot"),
    ]
    same(streamed(told(events)), events, "")


@pytest.mark.parametrize(
    ("events", "status", "why", "item"),
    [
        ([TextDelta("I"), Finished(FinishReason.STOP)], "completed", None, "completed"),
        ([TextDelta("I")], "completed", None, "completed"),
        ([RefusalDelta("no"), Finished(FinishReason.REFUSAL)], "completed", None, "completed"),
        ([TextDelta("I"), Finished(FinishReason.REFUSAL)], "incomplete", "content_filter", "incomplete"),
        ([TextDelta("I"), Finished(FinishReason.CONTENT_FILTER)], "incomplete", "content_filter", "incomplete"),
        ([TextDelta("I"), Finished(FinishReason.LENGTH)], "incomplete", "max_output_tokens", "incomplete"),
        (
            [ToolCallDelta(0, "a", "f", '{"a'), Finished(FinishReason.LENGTH)],
            "incomplete",
            "max_output_tokens",
            "incomplete",
        ),
        ([TextDelta("I"), Finished(FinishReason.ERROR)], "failed", None, "incomplete"),
    ],
)
def test_how_answers_end(events: list[StreamEvent], status: str, why: str | None, item: str) -> None:
    last = events_of(told(events))[-1]
    assert last["type"] == f"response.{status}"
    for response in (last["response"], json.loads(RESPONSES.whole(events, FRAME)[0])):
        assert response["status"] == status
        assert obj(response["incomplete_details"]).get("reason") == why
        assert bool(response["error"]) == (status == "failed")
        assert [one["status"] for one in response["output"]] == [item]


def test_what_was_asked_is_repeated() -> None:
    tools: list[dict[str, Any]] = [{"type": "function", "name": "f", "parameters": {}}]
    frame = asking(instructions="be kind", tools=tools, temperature=0, text={"verbosity": "low"}, metadata={"a": "b"})
    found = events_of(told([TextDelta("x")], frame))
    for response in (found[0]["response"], found[1]["response"], found[-1]["response"]):
        assert response["instructions"] == "be kind"
        assert response["tools"] == tools
        assert response["temperature"] == 0
        assert response["text"] == {"verbosity": "low"}
        assert response["metadata"] == {"a": "b"}
        assert (response["store"], response["parallel_tool_calls"], response["tool_choice"]) == (False, True, "auto")


def test_half_a_surrogate_pair_is_told() -> None:
    events: list[StreamEvent] = [TextDelta("\ud83d"), TextDelta("\ud83d"), ToolCallDelta(0, "a", "f", '{"a":"\ud83d"}')]
    [message, call] = events_of(told(events))[-1]["response"]["output"]
    assert message["content"][0]["text"] == "\ud83d\ud83d"
    assert call["arguments"] == '{"a":"\ud83d"}'


def test_an_answer_of_nothing_is_a_response_all_the_same() -> None:
    assert streamed(told([])).output == []
    assert whole(RESPONSES.whole([], FRAME)[0]).model == "asked-for"


def test_an_answer_that_its_provider_kept_keeps_its_id() -> None:
    [first, *_] = events_of(told([Started("resp_kept", "m"), TextDelta("x")]))
    assert first["response"]["id"] == "resp_kept"


def test_a_thought_that_we_told_is_sent_to_nobody() -> None:
    """The client sends back what it was told; no provider would find it."""
    events: list[StreamEvent] = [ReasoningDelta("hm"), TextDelta("So")]
    output = json.loads(RESPONSES.whole(events, FRAME)[0])["output"]
    body = {"model": "m", "input": [{"role": "user", "content": "hi"}, *output, {"role": "user", "content": "and?"}]}
    raw = json.dumps(body).encode()
    request = ModelRequest.read("openai_responses", raw)
    assert request.kept == ""
    left = [body["input"][0], output[1], body["input"][-1]]
    for given_ in (raw, b""):
        assert json.loads(RESPONSES.with_model(given_, request.data, "n")) == {"model": "n", "input": left}
    assert RESPONSES.write(RESPONSES.read(request.data), "n", stream=False).data == {"model": "n", "input": left}


def test_what_the_events_say_is_told_whatever_else_was_kept() -> None:
    output: list[dict[str, Any]] = [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "b"}],
            "encrypted_content": "z",
        },
        {
            "type": "message",
            "id": "msg_1",
            "phase": "final_answer",
            "content": [
                {"type": "output_text", "text": "aa", "annotations": [{"type": "url_citation"}]},
                {"type": "output_text", "text": "c"},
            ],
        },
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]
    ended = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    body = {"id": "resp_1", **ended, "output": output}
    events = RESPONSES.answer(json.dumps(body).encode(), everything=True)
    assert json.loads(RESPONSES.whole(events, FRAME)[0]) == body
    for event in events:
        if isinstance(event, ToolCallDelta) and event.name:
            event.name = "g"
    renamed = json.loads(RESPONSES.whole(events, FRAME)[0])
    assert renamed["output"] == [*output[:3], {**output[3], "name": "g"}]
    cut: list[StreamEvent] = [one for one in events if not isinstance(one, TextDelta | ToolCallDelta | Finished)]
    cut += [TextDelta("a"), Finished(FinishReason.STOP), Usage(1, 2)]
    answer = json.loads(RESPONSES.whole(cut, FRAME)[0])
    assert answer["status"] == "completed"
    assert answer["incomplete_details"] is None
    assert answer["usage"]["total_tokens"] == 3
    content = output[1]["content"]
    assert answer["output"] == [output[0], {**output[1], "content": [{**content[0], "text": "a"}]}, output[2]]


NAMES = st.sampled_from(
    """id model output usage type text content summary refusal role arguments input name call_id annotations status
    incomplete_details reason input_tokens output_tokens message reasoning function_call custom_tool_call output_text
    input_tokens_details cached_tokens completed incomplete""".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.just(1.0) | NAMES | st.just(""),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)
PARTS = st.lists(OBJECTS, max_size=2)
ITEMS = st.fixed_dictionaries({"type": NAMES}, optional={"content": PARTS, "summary": PARTS, "name": NAMES}) | OBJECTS


@settings(max_examples=100)
@given(OBJECTS, st.lists(ITEMS, max_size=3))
def test_whatever_it_holds_an_answer_is_told_as_it_was_read(top: dict[str, Any], output: list[Any]) -> None:
    body = {**top, "output": output}
    events = RESPONSES.answer(json.dumps(body).encode(), everything=True)
    if isinstance(events[-1], Broken):
        return
    answer, _ = RESPONSES.whole(events, FRAME)
    assert json.dumps(json.loads(answer), sort_keys=True) == json.dumps(body, sort_keys=True)
