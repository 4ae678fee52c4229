"""How a connection ends: the client has its answer, and nothing is reset under it."""

from __future__ import annotations

import asyncio

import pytest
from tests.connection.conftest import Serving, Site
from tests.support.wire import Wire

pytestmark = pytest.mark.anyio

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
EARLY = b"POST /early HTTP/1.1\r\nHost: x\r\n"
GIGABYTE = 1_000_000_000


async def flood(wire: Wire, total: int, *, chunked: bool) -> int:
    """Sends a body as long as the server lets it; how much that was."""
    piece = b"x" * 65_536
    sent = 0
    try:
        while sent < total:
            wire.send(b"10000\r\n%b\r\n" % piece if chunked else piece)
            await wire.sent()
            sent += len(piece)
    except OSError:
        pass
    return sent


@pytest.mark.parametrize("chunked", [False, True], ids=["a length", "chunks"])
async def test_who_sends_what_nobody_wants_reads_why_and_is_not_listened_to(chunked: bool, serve: Serving) -> None:
    async with serve(closing=0.2) as site:
        wire = await site.connect()
        wire.send(
            EARLY + (b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % GIGABYTE) + b"\r\n\r\n"
        )
        sending = asyncio.ensure_future(flood(wire, GIGABYTE, chunked=chunked))
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert await sending < 50_000_000  # what the system's buffers took
        await site.until(lambda: not site.connections.open)


async def test_a_client_that_has_sent_all_before_it_reads_gets_its_answer(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(EARLY + b"Content-Length: 300000\r\n\r\n")
        await site.hears("begins /early", "ends /early")
        wire.send(b"x" * 200_000)
        await wire.sent()
        assert (await wire.answer()).status == 401
        assert await wire.rest() == b""


async def test_a_small_body_that_nobody_wants_costs_no_connection(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(EARLY + b"Content-Length: 5\r\n\r\n")
        answer = await wire.answer()
        assert (answer.status, answer.headers.get("connection")) == (401, None)
        wire.send(b"hello" + GET)
        assert (await wire.answer()).body == b"/a"


async def test_unless_it_never_comes(serve: Serving) -> None:
    async with serve(head_seconds=0.1) as site:
        wire = await site.connect()
        wire.send(EARLY + b"Content-Length: 5\r\n\r\n")
        assert (await wire.answer()).status == 401
        assert await wire.rest() == b""


async def test_a_body_that_the_app_did_not_wait_for_is_not_waited_for_here(serve: Serving) -> None:
    async with serve() as site:
        site.patience = 0.05
        wire = await site.connect()
        wire.send(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
        answer = await wire.answer()
        assert (answer.status, answer.headers.get("connection")) == (408, "close")
        assert await wire.rest() == b""
        assert site.connections.refused == {}


async def test_a_client_that_keeps_talking_gets_its_last_answer(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET * 5000)
        answer = await wire.answer()
        assert (answer.body, answer.headers["connection"]) == (b"/a", "close")
        assert await wire.rest() == b""


async def test_a_client_that_closes_its_side_has_left_and_nothing_goes_on_for_it(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        await site.hears("begins /flood")
        wire.half_close()
        await site.hears("ends /flood")  # which it does when it is told that the client is gone
        await site.until(lambda: not site.connections.open)


async def test_a_client_that_closes_its_side_gets_no_answer_that_had_not_begun(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(WAIT)
        await site.hears("begins /wait")
        wire.half_close()
        await site.until(lambda: not site.connections.open)
        site.go.set()
        assert await wire.rest() == b""


async def test_a_client_that_does_not_close_its_side_is_not_waited_for(serve: Serving) -> None:
    async with serve(closing=0.1) as site:
        wire = await site.connect()
        wire.send(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await wire.answer()).status == 200
        await site.until(lambda: not site.connections.open)


class Retiring:
    """A site that retires, and the wires it had."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.connections.retire()
        self.task = asyncio.ensure_future(site.connections.left())

    async def over(self) -> None:
        async with asyncio.timeout(15):
            await self.task
        assert self.site.connections.open == 0


async def asked(site: Site, raw: bytes = GET) -> Wire:
    wire = await site.connect()
    wire.send(raw)
    assert (await wire.answer()).status == 200
    return wire


async def test_a_server_that_retires_answers_once_more_and_says_so(serve: Serving) -> None:
    async with serve(linger=600) as site:
        idle = await asked(site)
        retiring = Retiring(site)
        await site.until(lambda: not retiring.task.done())
        idle.send(GET)
        answer = await idle.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await idle.rest() == b""
        await retiring.over()


async def test_a_server_that_retires_closes_what_is_quiet(serve: Serving) -> None:
    async with serve(linger=0.1) as site:
        idle, new = await asked(site), await site.connect()
        await site.until(lambda: site.connections.open == 2)
        await Retiring(site).over()
        assert (await idle.rest(), await new.rest()) == (b"", b"")


async def test_a_server_that_retires_lets_open_requests_run_to_their_end(serve: Serving) -> None:
    async with serve(linger=0) as site:
        waiting, pipelined, streaming = [await site.connect() for _ in range(3)]
        waiting.send(WAIT)
        pipelined.send(WAIT + GET)
        await site.hears("begins /wait", "begins /wait")
        streaming.send(b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"one" in await streaming.some()
        retiring = Retiring(site)
        await site.until(lambda: site.connections.open == 3)
        site.go.set()
        answer = await waiting.answer()
        assert (answer.body, answer.headers["connection"]) == (b"/wait", "close")
        answers = [await pipelined.answer() for _ in range(2)]
        assert [answer.body for answer in answers] == [b"/wait", b"/a"]
        assert [answer.headers.get("connection") for answer in answers] == [None, "close"]
        assert (await streaming.rest()).endswith(b"two\r\n0\r\n\r\n")
        await retiring.over()


async def test_a_request_whose_body_is_on_its_way_is_served_when_the_server_retires(serve: Serving) -> None:
    async with serve(linger=0) as site:
        wire = await site.connect()
        wire.send(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
        await site.hears("begins /a")
        retiring = Retiring(site)
        await asyncio.sleep(0)
        wire.send(b"llo" + GET)
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await wire.rest() == b""
        assert [seen.body for seen in site.begun] == [b"hello"]
        await retiring.over()


async def test_retiring_can_be_hurried(serve: Serving) -> None:
    async with serve(linger=600) as site:
        idle = await asked(site)
        retiring = Retiring(site)
        await asyncio.sleep(0)
        site.connections.hurry()
        assert await idle.rest() == b""
        await retiring.over()
