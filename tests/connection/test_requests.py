"""What is a request and what is not: nothing that somebody on the way may read differently gets to the app."""

from __future__ import annotations

import pytest
from tests.connection.conftest import Serving
from tests.support.wire import Wire

pytestmark = pytest.mark.anyio

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"

REFUSED = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    "chunks and length": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\nX",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nXY",
    "the same length twice": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nX",
    "a list of lengths": POST + b"Content-Length: 1, 1\r\n\r\nX",
    "a length with a sign": POST + b"Content-Length: +1\r\n\r\nX",
    "a negative length": POST + b"Content-Length: -1\r\n\r\nX",
    "a length in hex": POST + b"Content-Length: 0x1\r\n\r\nX",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "a length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\nX",
    "another coding": POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "a coding below chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding above chunks": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a coding like chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked with a tab after it": POST + b"Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity and chunked": POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded header": GET + b"A: b\r\n c\r\n\r\n",
    "a folded first header": b"GET /a HTTP/1.1\r\n Host: x\r\n\r\n",
    "a bare LF": b"GET /a HTTP/1.1\nHost: x\n\n",
    "a bare LF between headers": b"GET /a HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "a bare LF at the end": b"GET /a HTTP/1.1\r\nHost: x\r\n\n",
    "a bare CR in a value": GET + b"A: b\rc\r\n\r\n",
    "a NUL in a value": GET + b"A: b\0c\r\n\r\n",
    "a control character in a value": GET + b"A: b\x01c\r\n\r\n",
    "a space before the colon": GET + b"Content-Length : 1\r\n\r\nX",
    "a space in a name": GET + b"A b: c\r\n\r\n",
    "a NUL in a name": GET + b"A\0: c\r\n\r\n",
    "no colon": GET + b"Ab\r\n\r\n",
    "no name": GET + b": b\r\n\r\n",
    "no Host": b"GET /a HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "the same Host twice": b"GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "two Hosts in HTTP/1.0": b"GET /a HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
    "absolute form": b"GET http://elsewhere/a HTTP/1.1\r\nHost: x\r\n\r\n",
    "absolute form with the same host": b"GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n",
    "the asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n",
    "a tunnel by upgrade": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    "a tunnel to a path": b"CONNECT /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel to a path by upgrade": b"CONNECT /a HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    "no path": b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes beyond ASCII in the path": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in the path": b"GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/0.9 by name": b"GET /a HTTP/0.9\r\nHost: x\r\n\r\n",
    "HTTP/2.0 by name": b"GET /a HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/1.2": b"GET /a HTTP/1.2\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a small method": b"get /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method nobody knows": b"FETCH /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "words": b"Hello?\r\n\r\n",
}

BROKEN_BODIES = {
    "a size that is no number": b"zz\r\n\r\n",
    "a size with 0x": b"0x1\r\nX\r\n0\r\n\r\n",
    "a negative size": b"-1\r\nX\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"fffffffffffffffff\r\nX\r\n0\r\n\r\n",
    "a size with a space": b"1 \r\nX\r\n0\r\n\r\n",
    "a size ended by a bare LF": b"1\nX\r\n0\r\n\r\n",
    "an extension ended by a bare LF": b"1;a\nX\r\n0\r\n\r\n",
    "more than the size says": b"1\r\nXY\r\n0\r\n\r\n",
    "a length in a trailer": b"0\r\nContent-Length: 5\r\n\r\nabcde",
    "a folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
async def test_what_is_ambiguous_is_refused_and_the_connection_ends(raw: bytes, serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(raw)
        answer = await wire.answer()
        assert (answer.status, answer.code, answer.headers["connection"]) == (400, "invalid_http", "close")
        assert await wire.rest() == b""
        assert site.begun == []
        assert site.connections.refused == {"invalid_http": 1}


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
async def test_a_body_that_breaks_the_rules_is_refused_in_place_of_the_app(body: bytes, serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(CHUNKED + b"\r\n")
        await site.hears("begins /a")
        wire.send(body)
        answer = await wire.answer()
        assert (answer.status, answer.code) == (400, "invalid_http")
        assert await wire.rest() == b""
        await site.hears("ends /a")


async def ask(wire: Wire, raw: bytes) -> tuple[int, str | None]:
    wire.send(raw)
    answer = await wire.answer()
    return answer.status, answer.headers.get("connection")


@pytest.mark.parametrize(
    "raw",
    [
        GET + b"A: caf\xe9\r\n\r\n",
        GET + b"A:\tb\tc \r\n\r\n",
        b"\r\n" + GET + b"\r\n",
        b"GET //a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 1 \r\n\r\nX",
        POST + b"Transfer-Encoding: Chunked\r\n\r\n1;a=b\r\nX\r\n0\r\n\r\n",
        GET + b"Upgrade: h2c\r\n\r\n",
        GET + b"Expect: the unexpected\r\n\r\n",
    ],
    ids=lambda raw: raw.decode("latin-1").splitlines()[-1] or "empty",
)
async def test_what_is_not_ambiguous_is_served_and_the_connection_stays(raw: bytes, serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        assert await ask(wire, raw) == (200, None)
        assert await ask(wire, GET + b"\r\n") == (200, None)
        assert len(site.begun) == 2


async def test_every_way_to_cut_a_request_into_pieces_is_the_same_request(serve: Serving) -> None:
    raw = CHUNKED + b"A: b\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nB: c\r\n\r\n"
    async with serve() as site:
        wire = await site.connect()
        for size in range(1, 20):
            for start in range(0, len(raw), size):
                wire.send(raw[start : start + size])
                await wire.sent()
            assert (await wire.answer()).status == 200
        assert {seen.body for seen in site.begun} == {b"abcdefg"}
        assert len({tuple(seen.scope["headers"]) for seen in site.begun}) == 1


async def test_trailers_are_no_headers(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        trailers = b"Host: elsewhere\r\nAuthorization: Bearer other\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n"
        assert await ask(wire, CHUNKED + b"\r\n1\r\nX\r\n0\r\n" + trailers + b"\r\n") == (200, None)
        assert await ask(wire, GET + b"\r\n") == (200, None)
        assert site.begun[0].headers == {"host": "x", "transfer-encoding": "chunked"}


@pytest.mark.parametrize("body", [b"", b'{"model": "x"}'], ids=["no body", "body"])
async def test_an_offer_of_another_protocol_is_ignored(body: bytes, serve: Serving) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    raw = POST + offer + b"Content-Length: %d\r\nA: b\r\n\r\n" % len(body) + body
    async with serve() as site:
        wire = await site.connect()
        wire.send(raw + raw)
        assert [(await wire.answer()).status for _ in range(2)] == [200, 200]
        for start in range(0, len(raw), 7):
            wire.send(raw[start : start + 7])
            await wire.sent()
        assert (await wire.answer()).status == 200
        for seen in site.begun:
            assert seen.body == body
            expected = {"host": "x", "content-length": str(len(body)), "a": "b"}
            assert {name: value for name, value in seen.headers.items() if value} == expected


async def test_an_offer_that_comes_with_a_close_is_closed(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        assert await ask(wire, GET + b"Connection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n") == (200, "close")
        assert await wire.rest() == b""


async def test_http_1_0_is_answered_once_and_without_chunks(serve: Serving) -> None:
    async with serve() as site:
        wire = await site.connect()
        wire.send(b"GET /unframed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = await wire.answer()
        assert "transfer-encoding" not in answer.headers
        assert (answer.headers["connection"], answer.body) == ("close", b"one two three")

        wire = await site.connect()
        assert await ask(wire, b"GET /a HTTP/1.0\r\nHost: x\r\n\r\n") == (200, "close")
        assert await wire.rest() == b""

        wire = await site.connect()
        wire.send(b"HEAD /unframed HTTP/1.0\r\n\r\n")
        assert (await wire.answer()).body == b""


async def test_who_expects_to_continue_is_told_when_the_body_is_wanted(serve: Serving) -> None:
    head = b"POST %s HTTP/%s\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    async with serve() as site:
        wire = await site.connect()
        wire.send(head % (b"/a", b"1.1"))
        assert (await wire.answer()).status == 100
        assert await ask(wire, b"X") == (200, None)

        # Not wanted: whether the body comes now is anybody's guess, so nothing more is read from here.
        assert await ask(wire, head % (b"/early", b"1.1")) == (401, "close")
        assert await wire.rest() == b""

        wire = await site.connect()
        wire.send(head % (b"/a", b"1.0") + b"X")
        assert (await wire.answer()).status == 200
