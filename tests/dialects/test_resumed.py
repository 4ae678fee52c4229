"""An answer that breaks off is told on by somebody else: wherever that is, the client gets one answer."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.genai.errors import UnknownApiResponseError
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.counted import counted
from tests.support.hearing import Hear, hearing
from tests.support.resuming import FRAMES, Cut, cuts, frame, resumed, same
from tests.support.telling import RECORDED, streamed

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

from policyroute import Operation
from policyroute.dialects import DIALECTS
from policyroute.dialects.sent import events_of
from policyroute.dialects.sent import resumed as going_on
from policyroute.events import (
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)

CASES = sorted((Path(__file__).parent / "resumed").glob("*.sse"))
WHOLE = {case: case.read_bytes() for case in CASES}
SEED = 5
SEAM = b": somebody else goes on\n\n"
SEAMS = dict.fromkeys(DIALECTS, SEAM) | {"gemini": b""}
WORDS = (TextDelta, ReasoningDelta, RefusalDelta)


def dialect_of(case: Path) -> str:
    return case.name.partition(".")[0]


def named(path: Path) -> str:
    return path.stem


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def hear() -> AsyncIterator[Hear]:
    async with hearing() as hears:
        yield hears


@pytest.mark.parametrize("case", CASES, ids=named)
def test_it_is_one_answer_wherever_it_was_cut(case: Path) -> None:
    dialect, whole = dialect_of(case), WHOLE[case]
    found = list(cuts(dialect, whole))
    assert len(found) >= 4
    for cut in found:
        assert same(dialect, resumed(dialect, cut), whole), cut.sent[-300:]


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES, ids=named)
async def test_its_sdk_hears_what_it_would_have_heard(case: Path, hear: Hear) -> None:
    dialect, whole = dialect_of(case), WHOLE[case]
    expected = await hear(dialect, whole)
    for cut in cuts(dialect, whole):
        said = await hear(dialect, resumed(dialect, cut, SEAMS[dialect]))
        # What was thought in full is summed up where we tell it: elsewhere in the response.
        assert replace(said, thought="") == replace(expected, thought=""), cut.sent[-300:]
        assert said.thought in {expected.thought, "Hm, owls."}


@pytest.mark.anyio
async def test_googles_sdk_takes_no_comments(hear: Hear) -> None:
    """Which is why a client of this dialect gets none."""
    [whole] = [whole for case, whole in WHOLE.items() if dialect_of(case) == "gemini"]
    for cut in cuts("gemini", whole):
        with pytest.raises(UnknownApiResponseError):
            await hear("gemini", resumed("gemini", cut, SEAM))


def spoken(words: Sequence[tuple[int, str]], *, called: bool) -> list[StreamEvent]:
    told: list[StreamEvent] = [Started("theirs", "owl"), *(WORDS[kind](text) for kind, text in words)]
    if called:
        told += [ToolCallDelta(0, "call_1", "look", '{"q"'), ToolCallDelta(0, None, None, ": 1}")]
    return [*told, Usage(12, 9), Finished(FinishReason.TOOL_CALLS if called else FinishReason.STOP)]


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.text(min_size=1, max_size=5)), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from(list(DIALECTS)),
)
def test_what_we_tell_ourselves_can_be_told_on(words: list[tuple[int, str]], called: bool, dialect: str) -> None:
    whole = streamed(DIALECTS[dialect], spoken(words, called=called), FRAMES[dialect])
    for cut in cuts(dialect, whole):
        assert same(dialect, resumed(dialect, cut), whole), cut.sent[-300:]


@pytest.mark.parametrize(("recorded", "dialect"), RECORDED, ids=[dialect for _, dialect in RECORDED])
def test_every_recorded_stream_can_be_told_on(recorded: str, dialect: str, request: pytest.FixtureRequest) -> None:
    dice = random.Random(SEED)
    recordings: list[Recording] = request.getfixturevalue(recorded)
    streams = tried = 0
    for recording in recordings:
        if recording.status != 200 or not recording.sse or b'"error":{' in recording.sse:
            continue
        found = list(cuts(dialect, recording.sse))
        for cut in dice.sample(found, min(len(found), 2)):
            assert same(dialect, resumed(dialect, cut), recording.sse), (recording.name, cut.sent[-300:])
            tried += 1
        streams += 1
    counted(f"recorded {dialect} streams, told on", {"streams": streams, "cuts": tried})
    assert streams >= 65


def is_usual(recording: Recording) -> bool:
    vendor = recording.name.partition(":")[2].partition("/")[0]
    usual = vendor in {"openai", "anthropic", "gemini"} and recording.status == 200
    return usual and b"_tokens" in recording.sse.replace(b"TokenCount", b"_tokens") and len(recording.sse) < 30_000


@pytest.mark.anyio
@pytest.mark.parametrize(("recorded", "dialect"), RECORDED, ids=[dialect for _, dialect in RECORDED])
async def test_the_sdks_hear_recorded_streams_that_were_told_on(
    recorded: str, dialect: str, request: pytest.FixtureRequest, hear: Hear
) -> None:
    """Those of the vendors whose SDKs they are, where usage was asked for."""
    dice = random.Random(SEED)
    recordings: list[Recording] = request.getfixturevalue(recorded)
    for recording in dice.sample([one for one in recordings if is_usual(one)], 8):
        expected = await hear(dialect, recording.sse)
        found = list(cuts(dialect, recording.sse))
        for cut in dice.sample(found, min(len(found), 2)):
            said = await hear(dialect, resumed(dialect, cut, SEAMS[dialect]))
            # A call that was demanded ends with "stop" at some; we say that it is one.
            finish = expected.finish if said.finish != "tool_calls" else said.finish
            assert said == replace(expected, finish=finish), (recording.name, cut.sent[-300:])


ENDS = {
    "openai_chat": ["data: [DONE]"],
    "anthropic": ["message_stop"],
    "openai_responses": ["response.completed"],
    "gemini": [],
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_end_that_was_told_is_not_told_again(dialect: str) -> None:
    whole = streamed(DIALECTS[dialect], spoken([(0, "Owls")], called=False), FRAMES[dialect])
    sent = whole.removesuffix(b"data: [DONE]\n\n")
    if dialect in {"anthropic", "openai_responses"}:
        sent = sent[: sent.rindex(b"event: ")]
    told = going_on(DIALECTS[dialect].writer(FRAMES[dialect]), sent).end().decode()
    assert [line for line in told.replace("event: ", "").split("\n") if line][: len(ENDS[dialect])] == ENDS[dialect]
    assert same(dialect, sent + told.encode(), whole) or dialect == "openai_responses"
    assert going_on(DIALECTS[dialect].writer(FRAMES[dialect]), whole).end() in {b"", b"data: [DONE]\n\n"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_ends_right_after_what_was_sent(dialect: str) -> None:
    events: list[StreamEvent] = [Started("theirs", "owl"), TextDelta("Owls")]
    sent = DIALECTS[dialect].writer(FRAMES[dialect]).write(events)
    whole = streamed(DIALECTS[dialect], [*events, Finished(FinishReason.STOP)], FRAMES[dialect])
    assert sent + going_on(DIALECTS[dialect].writer(FRAMES[dialect]), sent).end() == whole


@pytest.mark.parametrize("dialect", DIALECTS)
def test_of_nothing_that_was_sent_all_is_told(dialect: str) -> None:
    events = spoken([(1, "Hm."), (0, "Owls")], called=True)
    whole = streamed(DIALECTS[dialect], events, FRAMES[dialect])
    for sent in (b"", b": waiting\n\n"):
        writer = going_on(DIALECTS[dialect].writer(FRAMES[dialect]), sent)
        assert writer.write(events) + writer.end() == whole


def cut_after(dialect: str, case: str, words: bytes) -> Cut:
    [whole] = [whole for each, whole in WHOLE.items() if each.stem == f"{dialect}.{case}"]
    return next(cut for cut in cuts(dialect, whole) if cut.sent.rstrip().rpartition(b"\n")[2].count(words))


def after(cut: Cut, dialect: str, *events: StreamEvent, **asked: Any) -> list[dict[str, Any]]:
    writer = going_on(DIALECTS[dialect].writer(frame(dialect, **asked)), cut.sent)
    return list(events_of(writer.write(events) + writer.end()))


def test_chat_tells_usage_to_who_asked_for_it() -> None:
    cut = cut_after("openai_chat", "usage_in_each", b'"Owls"')
    *_, last = after(cut, "openai_chat", Usage(12, 30))
    assert last["usage"]["completion_tokens"] == 30
    assert not any(chunk.get("usage") for chunk in after(cut, "openai_chat", Usage(12, 30), stream_options=None))


def test_chat_goes_on_with_the_name_that_is_known_by_now() -> None:
    cut = cut_after("openai_chat", "silent_first", b" fly")
    for chunk in after(cut, "openai_chat", Started("other", "crow"), TextDelta(".")):
        assert (chunk["id"], chunk["model"], chunk["system_fingerprint"]) == ("chatcmpl-77", "owl-1", "fp_1")


def test_a_refusal_that_was_begun_ends_as_one_in_words() -> None:
    cut = cut_after("openai_chat", "refusal", b"I would")
    *_, last = after(cut, "openai_chat", Finished(FinishReason.REFUSAL))
    assert last["choices"][0]["finish_reason"] == "stop"
    cut = cut_after("openai_responses", "summary", b'"Not "')
    *_, last = after(cut, "openai_responses", RefusalDelta("now."), Finished(FinishReason.REFUSAL))
    assert last["type"] == "response.completed"


def test_messages_go_on_in_the_block_that_is_open_and_close_what_was_thought() -> None:
    thought = cut_after("anthropic", "thinking", b" owls.")
    stop, start, *_ = after(thought, "anthropic", TextDelta("Owls"))
    assert (stop["type"], stop["index"]) == ("content_block_stop", 0)
    assert (start["index"], start["content_block"]["type"]) == (1, "text")
    delta, *_ = after(cut_after("anthropic", "thinking", b" fly."), "anthropic", TextDelta(" High."))
    assert (delta["index"], delta["delta"]) == (1, {"type": "text_delta", "text": " High."})


def test_what_a_message_was_asked_with_is_still_counted_where_nobody_counts_again() -> None:
    cut = cut_after("anthropic", "thinking", b" fly.")
    counts = [event["usage"] for event in after(cut, "anthropic", TextDelta(".")) if event["type"] == "message_delta"]
    assert [(one["input_tokens"], one["cache_read_input_tokens"]) for one in counts] == [(12, 3)]


def test_a_response_goes_on_in_the_part_that_is_open() -> None:
    cut = cut_after("openai_responses", "summary", b'"annotation"')
    delta, *_, last = after(cut, "openai_responses", TextDelta(" High."), Usage(12, 9))
    assert (delta["item_id"], delta["output_index"], delta["content_index"]) == ("msg_1", 1, 0)
    _, message = last["response"]["output"]
    assert message["phase"] == "commentary"
    [part] = message["content"]
    assert (part["text"], part["annotations"][0]["title"]) == ("Owls fly. High.", "Owls")
    assert (last["response"]["instructions"], last["response"]["metadata"]) == ("Be brief.", {"a": "b"})


def test_a_response_whose_part_is_told_goes_on_in_the_next() -> None:
    cut = cut_after("openai_responses", "in_full", b"response.output_text.done")
    done, added, delta, *_ = after(cut, "openai_responses", TextDelta(" High."))
    assert [done["type"], added["type"]] == ["response.content_part.done", "response.content_part.added"]
    assert (delta["item_id"], delta["content_index"]) == ("msg_3", 1)


def test_a_thought_whose_account_never_heard_the_end_is_not_looked_for_there() -> None:
    """With a client that says the response's output again, the next turn would be bound to that account for ever."""
    cut = cut_after("openai_responses", "summary", b" owls.")
    *told, last = after(cut, "openai_responses", TextDelta("Owls"))
    [done] = [event["item"] for event in told if event["type"] == "response.output_item.done"][:1]
    thought, said = last["response"]["output"]
    assert (done["id"], done["summary"][0]["text"]) == ("rs_1", "Hm, owls.")
    body = {"model": "m", "input": [thought, said, {"role": "user", "content": "And?"}]}
    dialect = DIALECTS["openai_responses"]
    assert not dialect.requests[Operation.CHAT].kept(body)
    assert json.loads(dialect.with_model(json.dumps(body).encode(), body, "n"))["input"] == body["input"][1:]
