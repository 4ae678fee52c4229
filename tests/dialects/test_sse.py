"""Framing: the same events however the bytes are cut, and the stream again when the blocks are joined."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.dialects.sse import EventTooLarge, Framer, plain_data, read_event

LINES = st.sampled_from(
    [
        "data: {}",
        "data:x",
        "data",
        "data: é",
        ": ping",
        "event: error",
        "event:end",
        "id: 7",
        "retry: 10",
        "data: two words",
        "odd",
    ]
)
STREAMS = st.lists(st.tuples(st.lists(LINES, max_size=4), st.sampled_from(["\n", "\r\n", "\r"])), max_size=8).map(
    lambda blocks: "".join(end.join([*lines, "", ""]) for lines, end in blocks).encode()
)


def events(blocks: list[bytes]) -> list[tuple[str, bytes]]:
    return [(name, data) for name, data in map(read_event, blocks) if data is not None]


def slowly(stream: bytes) -> list[tuple[str, bytes]]:
    """The events by the book: line by line, over the whole stream."""
    found: list[tuple[str, bytes]] = []
    name, data = "", list[bytes]()
    for line in stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]:
        if not line:
            found += [(name, b"\n".join(data))] if data else []
            name, data = "", []
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode()
    return found


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=6))
def test_cuts_change_nothing(stream: bytes, places: list[int]) -> None:
    whole, pieces, single = Framer(), Framer(), Framer()
    expected = whole.feed(stream)
    in_pieces = [block for piece in cut(stream, places) for block in pieces.feed(piece)]
    byte_by_byte = [block for at in range(len(stream)) for block in single.feed(stream[at : at + 1])]
    assert events(in_pieces) == events(byte_by_byte) == events(expected) == slowly(stream)
    for framer, blocks in ((whole, expected), (pieces, in_pieces), (single, byte_by_byte)):
        assert b"".join(blocks) + framer.rest() == stream


def test_no_block_ends_in_the_midst_of_a_line_end() -> None:
    """Somebody may go on after it with words of ours: readers that know two line ends only would not see where."""
    framer = Framer()
    assert framer.feed(b"data: a\r\n\r") == []
    assert framer.feed(b"\ndata: b\r\n\r\n") == [b"data: a\r\n\r\n", b"data: b\r\n\r\n"]
    assert framer.feed(b"data: c\r\r") == [b"data: c\r\r"]


@given(STREAMS)
def test_plain_reads_are_read_as_any_other(stream: bytes) -> None:
    found = plain_data(stream)
    framer = Framer()
    assert found is None or [("", data) for data in found] == events(framer.feed(stream))
    assert found is None or framer.empty


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", None),
        (b"data: a\n\n: ping\n\n", None),
        (b"data: a\n\ndata: b\n", None),
        (b"data: a\r\n\n", None),
        (b"\n\n", None),
    ],
)
def test_plain_reads(stream: bytes, expected: list[bytes] | None) -> None:
    assert plain_data(stream) == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"data: one\n\n", ("", b"one")),
        (b"data:one\n\n", ("", b"one")),
        (b"data:  one\n\n", ("", b" one")),
        (b"data: one\ndata: two\n\n", ("", b"one\ntwo")),
        (b"data: one\rdata: two\n\n", ("", b"one\ntwo")),
        (b"event: error\r\ndata: {}\r\n\r\n", ("error", b"{}")),
        (b"data\n\n", ("", b"")),
        (b": OPENROUTER PROCESSING\n\n", ("", None)),
        (b"database: no\n\n", ("", None)),
        (b"\n\n", ("", None)),
    ],
)
def test_what_a_block_says(block: bytes, expected: tuple[str, bytes | None]) -> None:
    assert read_event(block) == expected


def test_an_event_that_never_ends_is_refused_and_not_kept() -> None:
    framer = Framer(max_event=100)
    assert framer.feed(b"data: fits\n\n" * 50) != []
    with pytest.raises(EventTooLarge):
        for _ in range(20):
            framer.feed(b"data: 6789")
    assert len(framer.rest()) <= 110


@pytest.mark.parametrize("places", [[], [1], [2, 9], [3], [1, 2, 3]])
def test_a_byte_order_mark_is_left_out(places: list[int]) -> None:
    framer = Framer()
    stream = b"\xef\xbb\xbfdata: first\n\ndata: second\n\n"
    blocks = [block for piece in cut(stream, places) for block in framer.feed(piece)]
    assert blocks == [b"data: first\n\n", b"data: second\n\n"]
