"""Several requests on their way at once: answers come in order, and nobody's answer is anybody else's."""

from __future__ import annotations

import pytest
from tests.connection.conftest import Serving
from tests.support.wire import Wire

pytestmark = pytest.mark.anyio


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def post(path: str, body: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def bodies(wire: Wire, count: int) -> list[bytes]:
    return [(await wire.answer()).body for _ in range(count)]


async def test_answers_come_in_order(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(get("/wait") + post("/1", b"a" * 100_000) + get("/2") + post("/3", b"b"))
        await site.hears("begins /wait")
        site.go.set()
        assert await bodies(wire, 4) == [b"/wait", b"/1", b"/2", b"/3"]
        assert [seen.body for seen in site.begun] == [b"", b"a" * 100_000, b"", b"b"]
        wire.send(get("/4"))
        assert await bodies(wire, 1) == [b"/4"]


async def test_what_is_too_many_is_not_answered_and_the_last_answer_says_so(serve: Serving) -> None:
    async with serve(pipelined=3) as site:
        wire = await site.connect()
        wire.send(get("/wait") + b"".join(get(f"/{number}") for number in range(10_000)))
        await site.hears("begins /wait")
        site.go.set()
        answers = [await wire.answer() for _ in range(4)]
        assert [answer.body for answer in answers] == [b"/wait", b"/0", b"/1", b"/2"]
        assert [answer.headers.get("connection") for answer in answers] == [None, None, None, "close"]
        assert await wire.rest() == b""
        assert len(site.begun) == 4


@pytest.mark.parametrize(
    "bad",
    [
        b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /c HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
    ids=["two Hosts", "nonsense", "a broken body", "too many headers"],
)
async def test_a_bad_request_takes_nobody_elses_answer(bad: bytes, serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(get("/wait"))
        await site.hears("begins /wait")
        wire.send(get("/1") + bad + get("/2"))
        await site.until(lambda: site.connections.refused)
        site.go.set()
        answers = [await wire.answer() for _ in range(2)]
        assert [(answer.status, answer.body) for answer in answers] == [(200, b"/wait"), (200, b"/1")]
        assert answers[1].headers["connection"] == "close"
        assert await wire.rest() == b""


async def test_nothing_is_read_after_a_close(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(get("/1", "Connection: close") + get("/2"))
        answer = await wire.answer()
        assert (answer.body, answer.headers["connection"]) == (b"/1", "close")
        assert await wire.rest() == b""
        assert len(site.begun) == 1


async def test_bytes_after_a_body_are_no_part_of_it(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(post("/1", b"a") + b"XYZ\r\n\r\n")
        answer = await wire.answer()
        assert (answer.body, answer.headers["connection"]) == (b"/1", "close")
        assert await wire.rest() == b""
        assert [seen.body for seen in site.begun] == [b"a"]


async def test_a_client_that_leaves_is_missed_by_the_request_that_is_answered(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(get("/flood") + get("/1"))
        await site.hears("begins /flood")
        assert await wire.some()
        wire.end()
        await site.hears("ends /flood")
        assert len(site.begun) == 1
