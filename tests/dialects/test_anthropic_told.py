"""Any provider's answer, told to a client of Anthropic Messages: its own SDK hears what was said."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

from tests.dialects.test_anything import ANYTHING, KINDS, OBJECTS
from tests.support import telling

from policyroute import ModelRequest
from policyroute.dialects.anthropic import Anthropic
from policyroute.dialects.shapes import compact, obj
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
    return telling.streamed(ANTHROPIC, events, FRAME)


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
        "calls": [(id_, name, json.loads(compact(arguments(given.strip())))) for id_, name, given in calls.values()],
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
            events = telling.read(dialect, recording)
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


LOST = set(
    """choices advisor_tool_result bash_code_execution_tool_result codeExecutionResult compaction executableCode
    file_search_call mcp_call mcp_list_tools mcp_tool_result mcp_tool_use server_tool_use toolCall toolResponse
    text_editor_code_execution_tool_result tool_search_call tool_search_output tool_search_tool_result
    web_fetch_tool_result web_search_call web_search_tool_result""".split()
)
"""Of all that is recorded: answers beside the first, and what tools did that the provider ran."""


def test_what_is_lost_is_named(answers: list[tuple[str, list[StreamEvent]]]) -> None:
    lost: set[str] = set()
    for _, events in answers:
        writer = ANTHROPIC.writer(FRAME)
        writer.write(events)
        writer.end()
        assert ANTHROPIC.whole(events, FRAME)[1] == writer.lost
        others = {event.kind for event in events if isinstance(event, OtherContent)}
        assert writer.lost <= others | {"choices"}
        lost |= writer.lost
    assert lost == LOST


def test_every_recorded_whole_answer_is_told_as_it_was(messages: list[Recording]) -> None:
    equal = 0
    for recording in messages:
        if recording.sse or recording.status != 200 or recording.api != "messages":
            continue
        events = ANTHROPIC.answer(json.dumps(recording.body).encode(), everything=True)
        if isinstance(events[-1], Broken):
            assert recording.body["content"] == [], recording.name
            continue
        body, lost = ANTHROPIC.whole(events, FRAME)
        assert (json.loads(body), lost) == (recording.body, set()), recording.name
        equal += 1
    assert equal > 100


def test_where_the_events_are_cut_changes_nothing(answers: list[tuple[str, list[StreamEvent]]]) -> None:
    dice = random.Random(SEED)
    for name, events in answers:
        assert telling.in_pieces(ANTHROPIC, events, FRAME, dice) == streamed(events), name


def test_a_client_may_read_the_events_themselves(answers: list[tuple[str, list[StreamEvent]]], ears: Ears) -> None:
    """The grammar: one message, of blocks that follow each other, each begun and ended."""
    for name, events in answers[::10]:
        open_, index, kinds = False, 0, list[str]()
        for event in ears.events(streamed(events)):
            kinds.append(event.type)
            if event.type == "content_block_start":
                assert (open_, event.index) == (False, index), name
                open_ = True
            elif event.type in ("content_block_delta", "content_block_stop"):
                assert (open_, event.index) == (True, index), name
                if event.type == "content_block_stop":
                    open_, index = False, index + 1
        assert not open_, name
        assert kinds[0] == "message_start", name
        assert kinds[-2:] == ["message_delta", "message_stop"], name
        assert {kinds.count(kind) for kind in ("message_start", "message_delta", "message_stop")} == {1}, name


def test_interleaved_calls_and_words_are_held(ears: Ears) -> None:
    events: list[StreamEvent] = [
        Started("x", "served"),
        Usage(10, 0, cached_input=4),
        TextDelta("I look"),
        ToolCallDelta(0, "a", "look", ""),
        ToolCallDelta(1, "b", "find", '{"q"'),
        ToolCallDelta(0, None, None, '{"at":'),
        TextDelta(" and find"),
        ToolCallDelta(1, None, None, ':"y"}'),
        ToolCallDelta(0, None, None, "1}"),
        ToolCallDelta(2, None, "wait", ""),
        Finished(FinishReason.STOP),
        Usage(10, 7, cached_input=4, reasoning=2),
    ]
    message = ears.stream(streamed(events))
    assert [(block["type"], block.get("text") or block.get("input")) for block in message["content"]] == [
        ("text", "I look"),
        ("tool_use", {"at": 1}),
        ("tool_use", {"q": "y"}),
        ("text", " and find"),
        ("tool_use", {}),
    ]
    assert message["content"][-1]["id"] == "toolu_abc1232"
    assert (message["id"], message["model"], message["stop_reason"]) == ("msg_abc123", "served", "tool_use")
    assert message["usage"]["input_tokens"] == 6
    assert message["usage"]["output_tokens_details"] == {"thinking_tokens": 2}
    assert heard(ears.whole(ANTHROPIC.whole(events, FRAME)[0])) == said(events)


def test_words_are_told_as_they_come() -> None:
    writer = ANTHROPIC.writer(FRAME)
    assert writer.write([Started("x", "served")]) == b""
    assert b'"text":"One"' in writer.write([TextDelta("One")])
    assert writer.write([TextDelta(" two")]) == (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":" two"}}\n\n'
    )
    assert b'"partial_json":"{\\"a\\"' in writer.write([ToolCallDelta(0, "a", "look", '{"a"')])
    assert writer.write([TextDelta("held")]) == b""
    assert b'"text":"held"' in writer.write([ToolCallDelta(0, None, None, ":1}")])


@pytest.mark.parametrize(
    ("arguments_", "told"),
    [("", {}), ("[1]", {"input": [1]}), ("not JSON", {"input": "not JSON"}), (' {"a":1}', {"a": 1})],
)
def test_arguments_are_an_object(arguments_: str, told: Any, ears: Ears) -> None:
    events: list[StreamEvent] = [ToolCallDelta(0, "a", "look", piece) for piece in ("", *arguments_)]
    for message in (ears.stream(streamed(events)), ears.whole(ANTHROPIC.whole(events, FRAME)[0])):
        assert [block["input"] for block in message["content"]] == [told]


def test_arguments_that_come_after_their_end_are_named_as_lost() -> None:
    writer = ANTHROPIC.writer(FRAME)
    writer.write([ToolCallDelta(0, "a", "look", "{}"), TextDelta("so"), ToolCallDelta(0, None, None, " ")])
    assert writer.lost == set()
    writer.write([ToolCallDelta(0, None, None, "more")])
    assert writer.lost == {"tool_calls"}


def test_half_a_surrogate_pair_is_told() -> None:
    events: list[StreamEvent] = [
        TextDelta("\ud83d"),
        TextDelta("\ud83d"),
        ToolCallDelta(0, "a", "\ud83d", '{"a":"\ud83d"}'),
    ]
    assert streamed(events).count(b"\\ud83d") == 4
    assert ANTHROPIC.whole(events, FRAME)[0].count(b"\\ud83d") == 4


def test_an_answer_of_nothing_is_a_message_all_the_same(ears: Ears) -> None:
    assert ears.stream(streamed([]))["content"] == []
    assert ears.whole(ANTHROPIC.whole([], FRAME)[0])["model"] == "asked"


WORDS = st.text(max_size=3)
EVENTS: st.SearchStrategy[StreamEvent] = st.one_of(
    st.builds(TextDelta, WORDS),
    st.builds(ReasoningDelta, WORDS),
    st.builds(RefusalDelta, WORDS),
    st.builds(TextDelta, WORDS, st.just(1)),
    st.builds(ToolCallDelta, st.integers(0, 2), st.none() | WORDS, st.none() | WORDS, st.just("") | WORDS),
    st.builds(OtherContent, WORDS),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.builds(Finished, st.sampled_from(FinishReason)),
)


@given(st.lists(EVENTS, max_size=12), st.text('{}":a1,[] ', max_size=12), st.integers(1, 3))
def test_whatever_is_said_is_heard(events: list[StreamEvent], text: str, size: int) -> None:
    """By our own reader. Arguments that are taken up again after they ended are not: the API has no words for it."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    events = [*events, *[ToolCallDelta(9, "id", "name", piece) for piece in pieces]]
    writer = ANTHROPIC.writer(FRAME)
    sse = writer.write(events) + writer.end()
    reader = ANTHROPIC.stream()
    heard_, _ = reader.feed(sse)
    ended = [event for event in reader.end() if not isinstance(event, Broken)]  # that of an answer of nothing
    told, meant = said([*heard_, *ended]), said(events)
    if "tool_calls" not in writer.lost and all(usage.input >= usage.cached_input for usage in counts(events)):
        whole, _ = ANTHROPIC.whole(events, FRAME)
        assert said(ANTHROPIC.answer(whole)) == told
        assert [call[1:] for call in told["calls"]] == [call[1:] for call in meant["calls"]]
    for name in ("text", "thoughts", "reason"):
        assert told[name] == meant[name]


def counts(events: list[StreamEvent]) -> list[Usage]:
    return [event for event in events if isinstance(event, Usage)]


@st.composite
def answered_blocks(draw: st.DrawFn) -> dict[str, Any]:
    return {**obj(draw(ANYTHING)), "type": draw(KINDS | st.none() | st.lists(st.booleans()))}


@given(OBJECTS, st.lists(answered_blocks(), max_size=3))
def test_whatever_an_answer_holds_is_told_as_it_was(fields: dict[str, Any], content: list[dict[str, Any]]) -> None:
    """Up to blocks that are not spelt as documented."""
    body = {**fields, "content": content}
    events = ANTHROPIC.answer(json.dumps(body).encode(), everything=True)
    if isinstance(events[-1], Broken):
        return
    told = json.loads(ANTHROPIC.whole(events, FRAME)[0])
    assert [block["type"] for block in told["content"]] == [block["type"] for block in content]
