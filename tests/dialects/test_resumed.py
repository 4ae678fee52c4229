"""Writers that go on with an answer of which a client was sent a part."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.asking import body_of

from policyroute.dialects import DIALECTS
from policyroute.dialects.translation import Frame
from policyroute.events import Broken, Finished, FinishReason, Started, StreamEvent, TextDelta, Usage
from policyroute.request import ModelRequest

WORDS = [f"word{number} " for number in range(12)]
EVENTS: list[StreamEvent] = [
    Started("id", "model"),
    *map(TextDelta, WORDS),
    Usage(5, 12),
    Finished(FinishReason.STOP),
]
PATHS = {"gemini": "/v1beta/models/m:streamGenerateContent"}


def frame(dialect: str, id: str) -> Frame:
    body = json.dumps(body_of(dialect)).encode()
    return Frame(id, "other", 1, ModelRequest.read(dialect, body, path=PATHS.get(dialect, "")))


def read(dialect: str, sent: bytes) -> list[StreamEvent]:
    reader = DIALECTS[dialect].stream()
    return reader.feed(sent)[0] + reader.end()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("cut", range(len(EVENTS) + 1))
def test_an_answer_goes_on_from_anywhere(dialect: str, cut: int) -> None:
    spoken = DIALECTS[dialect]
    sent = spoken.writer(frame(dialect, "first")).write(EVENTS[:cut])
    writer = spoken.resumed(frame(dialect, "second"), sent)
    more = writer.write(EVENTS[cut:]) + writer.end()
    events = read(dialect, sent + more)
    assert "".join(each.text for each in events if isinstance(each, TextDelta)) == "".join(WORDS)
    assert len([each for each in events if isinstance(each, Finished)]) == 1
    assert not any(isinstance(each, Broken) for each in events)
    assert not sent or b"second" not in more


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_that_was_told_whole_is_over(dialect: str) -> None:
    spoken = DIALECTS[dialect]
    writer = spoken.writer(frame(dialect, "first"))
    sent = writer.write(EVENTS) + writer.end()
    left = spoken.resumed(frame(dialect, "second"), sent).end()
    assert left in {b"", b"data: [DONE]\n\n"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_that_only_lacks_its_end_gets_one(dialect: str) -> None:
    spoken = DIALECTS[dialect]
    sent = spoken.writer(frame(dialect, "first")).write(EVENTS[:5])
    events = read(dialect, sent + spoken.resumed(frame(dialect, "second"), sent).end())
    assert [each.reason for each in events if isinstance(each, Finished)] == [FinishReason.STOP]


def test_a_provider_that_counts_in_every_chunk_is_not_taken_to_be_over() -> None:
    """As vLLM does where it is asked to."""
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    choice: dict[str, Any] = {"index": 0, "delta": {"role": "assistant", "content": "word0 "}, "finish_reason": None}
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }
    sent = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    writer = DIALECTS["openai_chat"].resumed(frame("openai_chat", "second"), sent)
    events = read("openai_chat", sent + writer.write(EVENTS[2:]) + writer.end())
    assert [each.output for each in events if isinstance(each, Usage)][-1] == 12
