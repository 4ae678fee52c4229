"""What a client may cost: bytes of a head, seconds of waiting, connections, and what it does not read."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from tests.connection.conftest import Serving
from tests.support.wire import Wire

pytestmark = pytest.mark.anyio

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"\r\n\r\n"


def padded(size: int) -> bytes:
    """A request without a body of this many bytes."""
    return GET + b"A: " + b"a" * (size - len(GET) - len(b"A: ") - len(END)) + END


async def put(wire: Wire, raw: bytes, piece: int) -> None:
    for start in range(0, len(raw), piece):
        wire.send(raw[start : start + piece])
        await wire.sent()


@pytest.mark.parametrize("piece", [100, 999, 10_000_000])
async def test_a_head_has_a_length(piece: int, serve: Serving) -> None:
    async with serve(head=1000) as site:
        wire = await site.connect()
        for _ in range(3):
            await put(wire, padded(1000), piece)
            assert (await wire.answer()).status == 200
        await put(wire, padded(1001), piece)
        answer = await wire.answer()
        assert (answer.status, answer.code, answer.headers["connection"]) == (431, "head_too_large", "close")
        assert await wire.rest() == b""
        assert len(site.begun) == 3


@pytest.mark.parametrize("begin", [GET + b"A: ", GET, b"GET /"], ids=["a value", "a name", "a path"])
async def test_a_head_that_never_ends_is_not_kept(begin: bytes, serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(begin)
        rest = asyncio.ensure_future(put(wire, b"a" * 5_000_000, 50_000))
        assert (await wire.answer()).status == 431
        with suppress(OSError):  # nobody takes it
            await rest
        assert site.begun == []


@pytest.mark.parametrize(("count", "status"), [(100, 200), (101, 431)])
async def test_headers_have_a_number(count: int, status: int, serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(GET + b"A:\r\n" * (count - 1) + b"\r\n")
        assert (await wire.answer()).status == status


@pytest.mark.parametrize("piece", [5_000, 50_000])
@pytest.mark.parametrize("begin", [b"0\r\nA: ", b"0\r\nA", b"1;"], ids=["a trailer", "its name", "an extension"])
async def test_what_frames_a_body_has_a_length_too(begin: bytes, piece: int, serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(CHUNKED + b"3\r\nabc\r\n" + begin)
        await site.hears("begins /a")
        rest = asyncio.ensure_future(put(wire, b"a" * 5_000_000, piece))
        assert (await wire.answer()).status == 431
        with suppress(OSError):
            await rest


async def test_a_body_may_be_as_long_as_the_app_likes(serve: Serving) -> None:
    async with serve(head=1000) as site:
        wire = await site.connect()
        wire.send(CHUNKED)
        await put(wire, b"10;a=b\r\n0123456789abcdef\r\n" * 10_000, 20_000)
        await put(wire, b"%x\r\n%b\r\n0\r\n\r\n" % (1_000_000, b"x" * 1_000_000), 20_000)
        assert (await wire.answer()).status == 200
        assert len(site.begun[0].body) == 1_160_000


async def test_a_head_has_a_time(serve: Serving) -> None:
    async with serve(head_seconds=0.1) as site:
        wire = await site.connect()
        wire.send(GET)
        slow = asyncio.ensure_future(drip(wire, b"A: b\r\n"))
        answer = await wire.answer()
        assert (answer.status, answer.code, answer.headers["connection"]) == (408, "head_timeout", "close")
        assert await wire.rest() == b""
        slow.cancel()


async def test_a_later_head_has_its_own(serve: Serving) -> None:
    async with serve(head_seconds=0.1) as site:
        wire = await site.connect()
        wire.send(GET + b"\r\n")
        assert (await wire.answer()).status == 200
        wire.send(GET)
        slow = asyncio.ensure_future(drip(wire, b"A: b\r\n"))
        assert (await wire.answer()).status == 408
        slow.cancel()


async def drip(wire: Wire, raw: bytes) -> None:
    while True:
        wire.send(raw)
        await asyncio.sleep(0.02)


async def test_who_never_asks_is_not_answered(serve: Serving) -> None:
    async with serve(head_seconds=0.1) as site:
        served, silent = await site.connect(), await site.connect()
        served.send(GET + b"\r\n")
        assert (await served.answer()).status == 200
        assert await silent.rest() == b""
        served.send(GET + b"\r\n")  # it has asked before, and may wait
        assert (await served.answer()).status == 200


async def test_an_idle_connection_is_closed(serve: Serving) -> None:
    async with serve(keep_alive=0.1) as site:
        asked, asking = await site.connect(), await site.connect()
        asked.send(GET + b"\r\n")
        assert (await asked.answer()).status == 200
        asking.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await asked.rest() == b""
        site.go.set()
        assert (await asking.answer()).status == 200


async def test_connections_have_a_number(serve: Serving) -> None:
    async with serve(connections=2) as site:
        wires = [await site.connect() for _ in range(2)]
        for wire in wires:
            wire.send(GET + b"\r\n")
            assert (await wire.answer()).status == 200
        third = await site.connect()
        third.send(GET + b"\r\n")
        answer = await third.answer()
        assert (answer.status, answer.code) == (503, "too_many_connections")
        assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
        assert await third.rest() == b""
        assert len(site.begun) == 2

        wires[0].end()
        third.end()
        await site.until(lambda: site.connections.open == 1)
        again = await site.connect()
        again.send(GET + b"\r\n")
        assert (await again.answer()).status == 200


async def test_those_that_are_refused_have_a_number_too(serve: Serving) -> None:
    async with serve(connections=1, closing=600) as site:
        wires = [await site.connect() for _ in range(200)]
        await site.until(lambda: sum(site.connections.refused.values()) == 199)
        await site.until(lambda: site.connections.open < 70)
        wires[0].send(GET + b"\r\n")
        assert (await wires[0].answer()).status == 200


async def test_who_does_not_read_is_cut_off_in_the_middle_of_the_answer(serve: Serving) -> None:
    async with serve(unread=0.2) as site:
        wire = await site.connect(receive_buffer=65_536)
        wire.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        await site.hears("begins /flood", "ends /flood")
        await site.until(lambda: not site.connections.open)
        assert site.connections.refused == {"not_read": 1}


async def test_who_does_not_read_is_cut_off_after_the_answer(serve: Serving) -> None:
    async with serve(unread=0.2) as site:
        for header in (b"", b"Connection: close\r\n"):
            wire = await site.connect(receive_buffer=65_536)
            wire.send(b"GET /large HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
            await site.hears("begins /large", "ends /large")
        await site.until(lambda: not site.connections.open)
        assert site.connections.refused == {"not_read": 2}


async def test_who_reads_slowly_is_not_cut_off(serve: Serving) -> None:
    async with serve(unread=0.3) as site:
        wire = await site.connect(receive_buffer=262_144)
        wire.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(40):  # in all this takes longer than it may take nothing
            assert await wire.some()
            await asyncio.sleep(0.02)
        assert site.connections.refused == {}
