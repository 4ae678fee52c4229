"""A log sink may be slow, blocked or gone: the loop never waits for it, and what was lost is counted."""

from __future__ import annotations

import io
import os
import threading

import pytest

from policyroute_asgi.lines import LineWriter, logger


def test_every_line_arrives_once_in_order() -> None:
    sink = io.BytesIO()
    writer = LineWriter(sink.write, bytes)
    for number in range(500):
        writer.write(b"%d" % number)
    writer.flush()
    assert sink.getvalue() == b"".join(b"%d\n" % number for number in range(500))
    assert writer.dropped == 0


def test_lines_written_apart_arrive_without_a_flush() -> None:
    arrived = threading.Event()
    got: list[bytes] = []

    def sink(lines: bytes) -> None:
        got.append(lines)
        arrived.set()

    writer = LineWriter(sink, bytes)
    for line in (b"a", b"b"):
        writer.write(line)
        assert arrived.wait(5)
        arrived.clear()
    assert got == [b"a\n", b"b\n"]


def test_a_blocked_sink_costs_lines_not_time() -> None:
    release = threading.Event()
    inside = threading.Event()

    def sink(lines: bytes) -> None:
        inside.set()
        release.wait()

    writer = LineWriter(sink, bytes, limit=10)
    writer.write(b"x")
    assert inside.wait(5)
    for _ in range(25):
        writer.write(b"x")
    assert writer.dropped == 15
    writer.flush(timeout=0.01)
    release.set()
    writer.flush()


def test_a_sink_that_is_gone_is_survived() -> None:
    read, write = os.pipe()
    stream = open(write, "wb", buffering=0)  # noqa: SIM115
    os.close(read)
    writer = LineWriter(stream.write, bytes)
    writer.write(b"a")
    writer.flush()
    stream.close()
    assert writer.dropped == 1


def test_a_sink_that_raises_is_survived() -> None:
    got: list[bytes] = []

    def sink(lines: bytes) -> None:
        got.append(lines)
        if len(got) == 1:
            raise RuntimeError("the sink's own affair")

    writer = LineWriter(sink, bytes)
    writer.write(b"a")
    writer.flush()
    writer.write(b"b")
    writer.flush()
    assert got == [b"a\n", b"b\n"]
    assert writer.dropped == 1


def test_a_line_is_one_log_record_whatever_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "a.logger")
    logger("a.logger")('{"a":"\u2028 \x85"}\n{"b":1}\n'.encode())
    assert [record.getMessage() for record in caplog.records] == ['{"a":"\u2028 \x85"}', '{"b":1}']
