"""Events that look like the one before are read without parsing them: that must never be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policyroute.dialects.alike import Alike
from policyroute.dialects.anthropic.message import MessageReader
from policyroute.dialects.anthropic.reader import MessagesStream
from policyroute.dialects.openai_chat.chunk import ChunkReader
from policyroute.dialects.openai_chat.reader import ChatStream
from policyroute.dialects.stream import SseStream, parse
from policyroute.events import Broken, StreamEvent

SHAPES = (
    b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}',
    b'{"id":"c1","model":"m","choices":[{"index":1,"delta":{"content":"%b"},"finish_reason":null}]}',
    b'{"choices": [{"delta": {"content": "%b"}, "finish_reason": "stop"}]}',
    b'{"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":"length"}]}',
    b'{"choices":[{"index":0,"delta":{"role":"assistant","content":"%b"}}],"usage":null}',
    b'{"choices":[{"index":0,"delta":{"content":"%b"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
    b'{"choices":[{"index":0,"delta":{"content":"%b","content":"x"}}]}',
    b'{"choices":[{"index":0,"delta":{"reasoning":"%b"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"a"},"x\\"content":"%b"}]}',
    b'{"choices":[{"index":0,"delta":{"cont\\u0065nt":"a"},"content":"%b"}]}',
    b'{"choices":[{"index":0,"delta":{"content":[{"text":"%b"}]}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":[NaN,"%b"]}]}',
    b'{"choices":[{"index":0,"delta":{"content":"%b"},"logprobs":[NaN]}]}',
    b'{"choices":[{"index":0,"delta":{"content":"%b"}},{"index":1,"delta":{"content":"b"}}]}',
    b'{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"t","function":{"name":"f","arguments":"%b"}}]}}]}',
    b'{"error":{"message":"%b"}}',
    b'{"content":"%b"}',
    b"%b",
)
WORDS = st.one_of(
    st.sampled_from(
        [b"word", b" and", b"", b"\\n", b'\\"', b"\\", b'"', b'","finish_reason":"stop', b'"},"error":{"a":"']
    ),
    st.text(max_size=6).map(lambda said: said.encode("utf-8", "surrogatepass")),
    st.binary(max_size=6),
)


MESSAGES = (
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","te\\u0078t":"a"},"text":"%b"}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b","text":"x"}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"},"text":"%b"}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"%b"}}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"%b","input":{}}}',
    b'{"type":"content_block_stop","index":0,"text":"%b"}',
    b'{"type":"message_delta","delta":{"stop_reason":"%b"},"usage":{"output_tokens":1}}',
    b'{"type":"message_stop","text":"%b"}',
    b'{"type":"error","error":{"message":"%b"}}',
)
Parsed = tuple[list[StreamEvent], list[bytes]]


@st.composite
def streams(draw: st.DrawFn, of: Sequence[bytes]) -> list[bytes]:
    """Events of few shapes, so that they are alike, with words that may be anything but the end of the event."""
    shapes = draw(st.lists(st.sampled_from(of), min_size=1, max_size=3))
    parts = draw(st.lists(st.tuples(st.sampled_from(shapes), WORDS), max_size=12))
    datas = [shape % word.replace(b"\n", b"").replace(b"\r", b"") for shape, word in parts]
    return [*datas, *draw(st.sampled_from([[], [b"[DONE]"], [b"[DONE]", *datas[:1]]]))]


def parsed(datas: list[bytes]) -> tuple[list[StreamEvent], list[bytes]]:
    """What a reader of Chat Completions says that parses every event, and what it passes on."""
    chunks = ChunkReader()
    events: list[StreamEvent] = []
    kept: list[bytes] = []
    for data in datas:
        if data == b"[DONE]":
            chunks.close(events)
            return events, [*kept, data]
        value = parse(data)
        if isinstance(value, dict):
            if not chunks.read(cast("dict[str, Any]", value), events):
                break
            kept.append(data)
    return events, kept


def parsed_messages(datas: list[bytes]) -> tuple[list[StreamEvent], list[bytes]]:
    """The same of Messages."""
    message = MessageReader()
    events: list[StreamEvent] = []
    kept: list[bytes] = []
    for data in datas:
        value = parse(data)
        if isinstance(value, dict):
            if not message.read(cast("dict[str, Any]", value), events):
                break
            kept.append(data)
        if message.finished:
            break
    return events, kept


def read(reader: SseStream, chunks: list[bytes]) -> tuple[list[StreamEvent], bytes]:
    fed = [reader.feed(chunk) for chunk in chunks]
    return [event for events, _ in fed for event in events], b"".join(raw for _, raw in fed)


def agrees(stream: Callable[[], SseStream], frame: bytes, datas: list[bytes], size: int, expected: Parsed) -> None:
    """However the stream is cut."""
    events, kept = expected
    framed = [frame % data for data in datas]
    whole = b"".join(framed)
    passed_on = b"".join([frame % data for data in kept])
    for cut in (framed, [whole], [whole[at : at + size] for at in range(0, len(whole), size)]):
        assert read(stream(), cut) == (events, passed_on)


LIKE = b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}'


@given(streams(SHAPES), st.integers(1, 40))
@example([LIKE % b"one", LIKE % b"two", LIKE % b"\xff", LIKE % b'"', LIKE % b"", LIKE % b"\\", LIKE % b"\x01"], 7)
def test_nothing_is_read_otherwise_than_by_parsing_it(datas: list[bytes], size: int) -> None:
    agrees(ChatStream, b"data: %b\n\n", datas, size, parsed(datas))


@given(streams(MESSAGES), st.integers(1, 40), st.sampled_from([b"event: x\ndata: %b\n\n", b"data: %b\n\n"]))
def test_nor_are_messages(datas: list[bytes], size: int, frame: bytes) -> None:
    agrees(MessagesStream, frame, datas, size, parsed_messages(datas))


WORDS_IN_TURN = (b"one", b"two", b"three", b"\\n", b"four")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read_alike(shape: bytes) -> None:
    datas = [shape % word for word in WORDS_IN_TURN]
    agrees(ChatStream, b"data: %b\n\n", datas, 9, parsed(datas))


@pytest.mark.parametrize("shape", MESSAGES)
def test_every_shape_of_messages_is_too(shape: bytes) -> None:
    datas = [shape % word for word in WORDS_IN_TURN]
    agrees(MessagesStream, b"event: x\ndata: %b\n\n", datas, 9, parsed_messages(datas))


def test_a_broken_stream_stays_broken_whatever_looks_like_a_word() -> None:
    reader = ChatStream()
    reader.feed(b"data: %b\n\n" % (LIKE % b"one"))
    events, _ = reader.feed(b'data: {"error":{"message":"no"}}\n\n')
    assert isinstance(events[-1], Broken)
    assert reader.feed(b"data: %b\n\n" % (LIKE % b"two")) == ([], b"")


def test_words_are_found_in_what_is_like_what_was_learned() -> None:
    alike = Alike(b'"content"')
    assert alike.word(LIKE % b"one") is None
    alike.learn(LIKE % b"one", 0)
    assert [alike.word(LIKE % word) for word in (b"two", "zwölf".encode(), b" ")] == ["two", "zwölf", " "]
    assert [alike.word(LIKE % word) for word in (b"", b"\\n", b'"', b"\xff", b"\x00")] == [None] * 5
