"""What providers do on a real socket, and what a client sees of it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest
from tests.support.exchanges import FALLBACK, LIMITS, Gateway, Listener, transport_of
from tests.support.providers import (
    END,
    LAST,
    PATIENCE,
    ROLE,
    STREAM,
    Asked,
    answer,
    error,
    http,
    part,
    provider,
    text,
)

from policyroute.exchange.payload import Outbound
from policyroute.failures import FailureKind
from policyroute_asgi.inflate import SLICE, plain
from policyroute_asgi.outward import READ, RawHeaders, sender
from policyroute_asgi.reception import MAX_ANSWER

pytestmark = pytest.mark.anyio


async def whole(asked: Asked) -> bool:
    await asked.say(http("200 OK", answer()))
    return True


async def streamed(asked: Asked) -> bool:
    for said in (ROLE, text("Hel"), text("lo"), LAST):
        await asked.say((STREAM if said is ROLE else b"") + part(said))
    await asked.say(END)
    return True


STREAMED = ROLE + text("Hel") + text("lo") + LAST


# Answers --------------------------------------------------------------------------------------------------------------


async def test_a_json_answer_arrives_byte_for_byte_in_one_piece(kind: str) -> None:
    async with provider(whole) as a, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(a.base_url)
    assert heard.parts == [answer()]
    assert (heard.target, heard.complete, heard.failure) == ("a", True, None)
    [attempt] = record.attempts
    assert (record.outcome, attempt.outcome, attempt.status) == ("ok", "ok", 200)
    assert (attempt.input_tokens, attempt.output_tokens) == (7, 3)


async def test_a_stream_arrives_byte_for_byte(kind: str) -> None:
    async with provider(streamed) as a, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(a.base_url, stream=True)
    assert heard.body == STREAMED
    assert heard.complete
    assert record.outcome == "ok"
    assert record.attempts[0].first_event is not None


async def test_each_chunk_is_passed_on_when_it_comes(kind: str) -> None:
    heard = Listener()

    async def waits_for_the_client(asked: Asked) -> None:
        await asked.say(STREAM + part(ROLE + text("first")))
        await asyncio.wait_for(heard.first.wait(), PATIENCE)
        await asked.say(part(text("second") + LAST) + END)

    async with provider(waits_for_the_client) as a, Gateway(transport_of(kind)) as gateway:
        await gateway.ask(a.base_url, stream=True, listener=heard)
    assert heard.complete


async def test_events_cut_anywhere_are_passed_on_whole(kind: str) -> None:
    async def crumbs(asked: Asked) -> None:
        await asked.say(STREAM)
        for at in range(len(STREAMED)):
            await asked.say(part(STREAMED[at : at + 1]))
        await asked.say(END)

    async with provider(crumbs) as a, Gateway(transport_of(kind)) as gateway:
        heard, _ = await gateway.ask(a.base_url, stream=True)
    assert heard.body == STREAMED
    assert all(chunk.endswith(b"\n\n") for chunk in heard.parts if chunk)


async def test_what_the_provider_is_sent(kind: str) -> None:
    async with provider(whole) as a, Gateway(transport_of(kind), keys={"a": "sk-1"}) as gateway:
        await gateway.ask(a.base_url)
        [asked] = a.asked
    assert asked.line == "POST /v1/chat/completions HTTP/1.1"
    assert b'"model":"a-model"' in asked.body
    connection = {"connection"} & asked.headers.keys()
    assert set(asked.headers) - connection == {
        "host",
        "content-length",
        "content-type",
        "accept",
        "accept-encoding",
        "user-agent",
        "authorization",
    }
    assert asked.headers["host"] == f"127.0.0.1:{a.port}"
    assert asked.headers["authorization"] == "Bearer sk-1"
    assert asked.headers["accept-encoding"] == "identity"


async def test_a_long_request_arrives_whole(kind: str) -> None:
    async with provider(whole) as a:
        transport = transport_of(kind)
        body = bytes(range(256)) * 16_384
        given = await sender(transport).send(Outbound("POST", f"{a.base_url}/chat/completions", [], body), 5.0)
        assert await given.read() == answer()
        await given.close()
        await transport.aclose()
        [asked] = a.asked
    assert asked.body == body


async def test_an_answer_may_be_announced(kind: str) -> None:
    async def announces(asked: Asked) -> None:
        await asked.say(b"HTTP/1.1 103 Early Hints\r\nlink: <https://example.org>\r\n\r\n")
        await whole(asked)

    async with provider(announces) as a, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(a.base_url)
    assert heard.body == answer()
    assert record.attempts[0].status == 200


async def test_a_header_cannot_become_two(kind: str) -> None:
    async with provider(whole) as a:
        transport = transport_of(kind)
        for value in ("1\r\nx-two: 2", "1\nx-two: 2", "1\rx-two: 2", "1\0"):
            outbound = Outbound("POST", f"{a.base_url}/chat/completions", [("x-one", value)], b"{}")
            with pytest.raises((ValueError, httpx.LocalProtocolError)):
                await sender(transport).send(outbound, 5.0)
        await transport.aclose()
        assert not a.asked


async def test_one_connection_serves_many_requests_and_keeps_no_cookies(kind: str) -> None:
    async def sets_a_cookie(asked: Asked) -> bool:
        assert "cookie" not in asked.headers
        await asked.say(http("200 OK", answer(), "set-cookie: tenant=one; Path=/"))
        return True

    async with provider(sets_a_cookie) as a, Gateway(transport_of(kind)) as gateway:
        for _ in range(3):
            await gateway.ask(a.base_url)
        assert a.connections == 1
    async with provider(streamed) as b, Gateway(transport_of(kind)) as gateway:
        for _ in range(3):
            await gateway.ask(b.base_url, stream=True)
        assert b.connections == 1


async def test_an_answer_that_is_compressed_all_the_same_is_read(kind: str) -> None:
    async def compresses(asked: Asked) -> None:
        await asked.say(http("200 OK", gzip.compress(answer()), "content-encoding: gzip"))

    async with provider(compresses) as a, Gateway(transport_of(kind)) as gateway:
        heard, _ = await gateway.ask(a.base_url)
    assert heard.body == answer()


async def test_a_stream_that_is_compressed_all_the_same_is_read_as_it_comes(kind: str) -> None:
    heard = Listener()

    async def compresses(asked: Asked) -> None:
        deflater = zlib.compressobj()
        begun = deflater.compress(ROLE + text("Hel")) + deflater.flush(zlib.Z_SYNC_FLUSH)
        await asked.say(STREAM.replace(b"\r\n\r\n", b"\r\ncontent-encoding: deflate\r\n\r\n") + part(begun))
        await heard.first.wait()
        await asked.say(part(deflater.compress(text("lo") + LAST) + deflater.flush()) + END)

    async with provider(compresses) as a, Gateway(transport_of(kind)) as gateway:
        _, record = await gateway.ask(a.base_url, stream=True, listener=heard)
    assert (heard.body, record.outcome) == (ROLE + text("Hel") + text("lo") + LAST, "ok")


@pytest.mark.parametrize(
    ("coding", "body", "expected"),
    [
        ("gzip", gzip.compress(bytes(MAX_ANSWER + 1)), (FailureKind.UNAVAILABLE, None)),
        ("gzip", answer(), (FailureKind.UNAVAILABLE, "content_encoding")),
        ("br", answer(), (FailureKind.UNAVAILABLE, "content_encoding")),
        ("gzip, gzip", answer(), (FailureKind.UNAVAILABLE, "content_encoding")),
        ("gzip", gzip.compress(answer())[:-9], (FailureKind.STREAM_BROKEN, None)),
    ],
    ids=["bomb", "plain", "brotli", "twice", "cut"],
)
async def test_what_cannot_be_decompressed_is_a_failure(
    kind: str, coding: str, body: bytes, expected: tuple[FailureKind, str | None]
) -> None:
    async def compresses(asked: Asked) -> None:
        await asked.say(http("200 OK", body, f"content-encoding: {coding}"))

    async with provider(compresses) as a, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(a.base_url)
    assert heard.failure is not None
    assert (heard.failure.kind, record.attempts[0].code) == expected


async def test_others_get_their_turn_while_an_answer_is_decompressed() -> None:
    class Bomb:
        status = 200
        headers: RawHeaders = ((b"Content-Encoding", b"gzip"),)
        left = gzip.compress(bytes(100 * SLICE))

        async def read(self) -> bytes:
            given, self.left = self.left, b""
            return given

        async def close(self) -> None: ...

    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.ensure_future(others())
    answered = plain(Bomb())
    pieces: list[int] = []
    while piece := await answered.read():
        pieces.append(len(piece))
    waiting.cancel()
    assert max(pieces) <= SLICE
    assert sum(pieces) == 100 * SLICE
    assert turns >= len(pieces) - 1


async def test_an_answer_is_complete_when_the_provider_says_so_not_when_it_hangs_up(kind: str) -> None:
    async def lingers(asked: Asked) -> None:
        await asked.say(STREAM + part(STREAMED))
        await asked.left()

    async with provider(lingers) as a, Gateway(transport_of(kind), limits=replace(LIMITS, idle=2.0)) as gateway:
        heard, record = await gateway.ask(a.base_url, stream=True)
    assert (heard.body, heard.complete, record.outcome) == (STREAMED, True, "ok")


# Trouble that the client does not see ---------------------------------------------------------------------------------

Behaviour = Callable[[Asked], Awaitable[bool | None]]


def says(data: bytes) -> Behaviour:
    """Sends this and closes the connection."""

    async def behaves(asked: Asked) -> None:
        await asked.say(data)

    return behaves


async def resets(asked: Asked) -> None:
    asked.reset()


async def resets_in_the_middle(asked: Asked) -> None:
    await asked.say(STREAM + part(ROLE))
    asked.reset()


async def stalls(asked: Asked) -> None:
    await asked.left()


async def stalls_after_the_role(asked: Asked) -> None:
    await asked.say(STREAM + part(ROLE))
    await asked.left()


BUSY = error("Slow down", "rate_limit_exceeded")
IN_STREAM = b"data: " + error("The server is overloaded", "server_is_overloaded") + b"\n\n"

TROUBLE: dict[str, tuple[Behaviour, str]] = {
    "throttled": (says(http("429 Too Many Requests", BUSY, "retry-after: 30")), "rate_limited"),
    "server error": (says(http("500 Internal Server Error", b"oops")), "unavailable"),
    "error page breaks off": (says(b"HTTP/1.1 503 Busy\r\ncontent-length: 99\r\n\r\n{"), "unavailable"),
    "closed without a word": (says(b""), "unavailable"),
    "reset": (resets, "unavailable"),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.6\r\n"), "unavailable"),
    "half the headers": (says(b"HTTP/1.1 200 OK\r\ncontent-ty"), "unavailable"),
    "redirect": (says(http("302 Found", b"", "location: http://127.0.0.1:1/")), "unavailable"),
    "silent": (stalls, "timeout_ttft"),
    "silent after the role": (stalls_after_the_role, "timeout_ttft"),
    "cut after the role": (says(STREAM + part(ROLE)), "stream_broken"),
    "reset after the role": (resets_in_the_middle, "stream_broken"),
    "ended after the role": (says(STREAM + part(ROLE) + END), "stream_broken"),
    # aiohttp reads it together with the headers, and there is no answer then; httpx has had the headers.
    "bad chunk length": (says(STREAM + b"zz\r\n"), "unavailable or stream_broken"),
    "error inside the stream": (says(STREAM + part(ROLE + IN_STREAM) + END), "overloaded"),
    "nothing in it": (says(STREAM + part(ROLE + LAST) + END), "empty"),
    "not what was asked for": (says(http("200 OK", b"<html>hello</html>")), "stream_broken"),
}


@pytest.mark.parametrize("trouble", sorted(TROUBLE))
async def test_trouble_before_the_first_token_is_swapped_away(kind: str, trouble: str) -> None:
    behaves, outcome = TROUBLE[trouble]
    limits = replace(LIMITS, ttft=0.1 if behaves in {stalls, stalls_after_the_role} else 10.0)
    async with (
        provider(behaves) as a,
        provider(streamed) as b,
        Gateway(transport_of(kind), limits=limits) as gateway,
    ):
        heard, record = await gateway.ask(a.base_url, b.base_url, stream=True)
        assert len(a.asked) == 1
    assert heard.body == STREAMED
    assert (heard.target, heard.complete, heard.failure) == ("b", True, None)
    failed, answered = record.attempts
    assert failed.outcome in outcome.split(" or ")
    assert answered.outcome == "ok"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"<html>", "unavailable"),
        (b"[]", "unavailable"),
        (b"", "unavailable"),
        (error("busy", "server_is_overloaded"), "overloaded"),
        (answer(""), "empty"),
    ],
)
async def test_a_json_answer_that_is_none_is_swapped_away(kind: str, body: bytes, outcome: str) -> None:
    async with provider(says(http("200 OK", body))) as a, provider(whole) as b, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(a.base_url, b.base_url)
    assert heard.parts == [answer()]
    assert record.attempts[0].outcome == outcome


async def test_a_json_answer_that_breaks_off_is_swapped_away(kind: str) -> None:
    cut = http("200 OK", answer())[:-9]
    async with provider(says(cut)) as a, provider(whole) as b, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(a.base_url, b.base_url)
    assert heard.parts == [answer()]
    assert record.attempts[0].outcome == "stream_broken"


async def test_nobody_listens_there(kind: str) -> None:
    async with provider(whole) as gone:
        nowhere = gone.base_url
    async with provider(whole) as b, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(nowhere, b.base_url)
    assert heard.target == "b"
    assert (record.attempts[0].outcome, record.attempts[0].code) == ("unavailable", "connect_error")


async def test_no_tls_there(kind: str) -> None:
    async def speaks_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(speaks_plainly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(f"https://127.0.0.1:{port}/v1")
    assert heard.failure is not None and heard.failure.kind is FailureKind.UNAVAILABLE
    assert record.attempts[0].code in {"tls", "connect_error"}
    assert "127.0.0.1" not in heard.failure.message


async def test_the_same_provider_is_asked_again_where_that_may_help(kind: str) -> None:
    first = True

    async def fails_once(asked: Asked) -> bool:
        nonlocal first
        if first:
            first = False
            await asked.say(http("500 Internal Server Error", b"oops"))
            return True
        return await whole(asked)

    async with provider(fails_once) as a, Gateway(transport_of(kind), fallback=replace(FALLBACK, retries=1)) as gateway:
        heard, record = await gateway.ask(a.base_url)
    assert heard.complete
    assert [(attempt.outcome, attempt.status) for attempt in record.attempts] == [("unavailable", 500), ("ok", 200)]


# Trouble that the client is told of -----------------------------------------------------------------------------------


async def test_everything_fails(kind: str) -> None:
    throttled, _ = TROUBLE["throttled"]
    async with provider(throttled) as a, provider(resets) as b, Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask(a.base_url, b.base_url)
    assert heard.target is None and heard.failure is not None
    assert heard.failure.kind is FailureKind.RATE_LIMITED
    assert heard.failure.retry_after == pytest.approx(30, abs=2)
    assert record.outcome == "rate_limited"


async def test_our_key_is_never_told(kind: str) -> None:
    refused = says(http("401 Unauthorized", error("Incorrect API key provided: sk-secret-1", "invalid_api_key")))
    async with provider(refused) as a, Gateway(transport_of(kind), keys={"a": "sk-secret-1"}) as gateway:
        heard, record = await gateway.ask(a.base_url)
    assert heard.failure is not None and heard.failure.kind is FailureKind.AUTH
    assert "sk-secret-1" not in f"{heard.failure} {record.as_json()}"


async def test_our_key_is_never_told_by_an_error_inside_a_good_answer(kind: str) -> None:
    key = "our very own key"  # nothing but the key itself gives it away
    told = error(f"Who is {key}?", "server_error")
    bodies = {False: http("200 OK", told), True: STREAM + part(b"data: " + told + b"\n\n") + END}
    for stream, body in bodies.items():
        async with provider(says(body)) as a, Gateway(transport_of(kind), keys={"a": key}) as gateway:
            heard, record = await gateway.ask(a.base_url, stream=stream)
        assert heard.failure is not None and "Who is" in heard.failure.message
        assert key not in f"{heard.failure} {record.as_json()}"


@pytest.mark.parametrize("broken", [b"", END, part(IN_STREAM) + END, b"zz\r\n"])
async def test_a_stream_that_breaks_after_the_first_token_never_looks_complete(kind: str, broken: bytes) -> None:
    heard = Listener()
    # aiohttp 3.14 does not tell the reader of a body that its chunks are malformed: the idle limit finds out.
    unheard_of = kind == "aiohttp" and broken == b"zz\r\n"
    limits = replace(LIMITS, idle=0.2) if unheard_of else LIMITS

    async def cuts(asked: Asked) -> None:
        await asked.say(STREAM + part(ROLE + text("half")))
        await asyncio.wait_for(heard.first.wait(), PATIENCE)
        await asked.say(broken)

    async with provider(cuts) as a, provider(streamed) as b, Gateway(transport_of(kind), limits=limits) as gateway:
        _, record = await gateway.ask(a.base_url, b.base_url, stream=True, listener=heard)
        assert not b.asked
    assert heard.body == ROLE + text("half")
    assert not heard.complete
    assert heard.failure is not None
    expected = "timeout_idle" if unheard_of else "overloaded" if IN_STREAM in broken else "stream_broken"
    assert heard.failure.kind == record.outcome == expected


async def test_a_stream_that_falls_silent_is_ended_and_its_connection_closed(kind: str) -> None:
    closed = asyncio.Event()

    async def falls_silent(asked: Asked) -> None:
        await asked.say(STREAM + part(ROLE + text("half")))
        await asked.left()
        closed.set()

    async with provider(falls_silent) as a, Gateway(transport_of(kind), limits=replace(LIMITS, idle=0.1)) as gateway:
        heard, record = await gateway.ask(a.base_url, stream=True)
        await asyncio.wait_for(closed.wait(), PATIENCE)
    assert heard.failure is not None and heard.failure.kind is FailureKind.TIMEOUT_IDLE
    assert record.outcome == "timeout_idle"


async def test_a_provider_that_never_answers_is_left_at_the_total(kind: str) -> None:
    async with provider(stalls) as a, Gateway(transport_of(kind), limits=replace(LIMITS, total=0.1)) as gateway:
        heard, _ = await gateway.ask(a.base_url)
    assert heard.failure is not None and heard.failure.kind is FailureKind.TIMEOUT_TOTAL


# The client leaves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_leaves_closes_the_providers_connection(kind: str, begun: bool) -> None:
    heard = Listener()
    closed = asyncio.Event()

    async def notices(asked: Asked) -> None:
        if begun:
            await asked.say(STREAM + part(ROLE + text("half")))
            await asyncio.wait_for(heard.first.wait(), PATIENCE)
        heard.leave.set()
        await asked.left()
        closed.set()

    async with provider(notices) as a, provider(streamed) as b, Gateway(transport_of(kind)) as gateway:
        _, record = await gateway.ask(a.base_url, b.base_url, stream=True, listener=heard)
        await asyncio.wait_for(closed.wait(), PATIENCE)
        assert not b.asked
    assert (record.outcome, record.attempts[0].outcome) == ("client_closed", "client_closed")
    assert heard.failure is None and not heard.complete


async def test_a_client_that_leaves_during_a_wait_is_not_waited_for(kind: str) -> None:
    heard = Listener()

    async def throttles(asked: Asked) -> None:
        await asked.say(http("429 Too Many Requests", BUSY, "retry-after: 2"))
        heard.leave.set()

    waiting = replace(FALLBACK, retries=1)
    async with provider(throttles) as a, Gateway(transport_of(kind), fallback=waiting) as gateway:
        _, record = await gateway.ask(a.base_url, listener=heard)
    assert record.outcome == "client_closed"
    assert len(record.attempts) == 1


async def test_a_cancelled_request_closes_the_providers_connection(kind: str) -> None:
    asked_at_all, closed = asyncio.Event(), asyncio.Event()

    async def notices(asked: Asked) -> None:
        asked_at_all.set()
        await asked.left()
        closed.set()

    async with provider(notices) as a, Gateway(transport_of(kind)) as gateway:
        drive = gateway.drive(Listener(), a.base_url)
        task = asyncio.ensure_future(drive.run())
        await asyncio.wait_for(asked_at_all.wait(), PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), PATIENCE)
        assert not gateway.open
    assert drive.record.outcome == "cancelled"


class Stuck(Listener):
    """A client that takes nothing from its second chunk on until `go`."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck, self.go = asyncio.Event(), asyncio.Event()

    async def send(self, raw: bytes, *, more: bool) -> None:
        if self.first.is_set() and not self.go.is_set():
            self.stuck.set()
            await self.go.wait()
        await super().send(raw, more=more)


async def test_a_slow_client_is_waited_for_and_the_provider_is_not_blamed(kind: str) -> None:
    heard = Stuck()

    async def talks(asked: Asked) -> None:
        await asked.say(STREAM + part(ROLE + text("Hel")))
        await asyncio.wait_for(heard.first.wait(), PATIENCE)
        await asked.say(part(text("lo")))
        await asyncio.wait_for(heard.go.wait(), PATIENCE)
        await asked.say(part(LAST) + END)

    async with provider(talks) as a, Gateway(transport_of(kind), limits=replace(LIMITS, idle=0.2)) as gateway:
        exchange = asyncio.ensure_future(gateway.ask(a.base_url, stream=True, listener=heard))
        await asyncio.wait_for(heard.stuck.wait(), PATIENCE)
        # Longer than the idle limit: time itself is what is tested here.
        await asyncio.wait({exchange}, timeout=0.5)
        heard.go.set()
        _, record = await exchange
    assert record.outcome == "ok"
    assert heard.body == STREAMED


class Slow(Listener):
    """A client that lets more come before it takes what there is."""

    longest = 0

    async def send(self, raw: bytes, *, more: bool) -> None:
        self.longest = max(self.longest, len(raw))
        await asyncio.sleep(0.003)
        await super().send(raw, more=more)


async def test_no_more_is_taken_at_once_than_is_good_for_a_slow_client(kind: str) -> None:
    heard, many = Slow(), part(text("x" * 1000)) * 3000

    async def talks(asked: Asked) -> None:
        await asked.say(STREAM + part(ROLE) + many + part(LAST) + END)

    async with provider(talks) as a, Gateway(transport_of(kind)) as gateway:
        _, record = await gateway.ask(a.base_url, stream=True, listener=heard)
    assert record.outcome == "ok"
    assert heard.longest <= READ + len(part(text("x" * 1000)))  # an event is passed on when it is whole


async def test_a_client_that_is_stuck_for_ever_is_left_at_the_total(kind: str) -> None:
    heard = Stuck()

    async def talks(asked: Asked) -> None:
        await asked.say(STREAM + part(ROLE + text("Hel")))
        await asyncio.wait_for(heard.first.wait(), PATIENCE)
        await asked.say(part(text("lo")))
        await asked.left()

    async with provider(talks) as a, Gateway(transport_of(kind), limits=replace(LIMITS, total=0.3)) as gateway:
        _, record = await gateway.ask(a.base_url, stream=True, listener=heard)
    assert record.outcome == "timeout_total"
    assert heard.failure is not None and not heard.complete


class Gone(Listener):
    """A client whose server says so by raising."""

    async def send(self, raw: bytes, *, more: bool) -> None:
        raise BrokenPipeError


async def test_a_server_that_raises_is_a_client_that_left(kind: str) -> None:
    async with provider(streamed) as a, Gateway(transport_of(kind)) as gateway:
        _, record = await gateway.ask(a.base_url, stream=True, listener=Gone())
    assert record.outcome in {"client_closed", "ok"}


async def test_many_at_once(kind: str) -> None:
    async with (
        provider(TROUBLE["server error"][0]) as failing,
        provider(streamed) as b,
        Gateway(transport_of(kind)) as gateway,
    ):
        all_heard = await asyncio.gather(*(gateway.ask(failing.base_url, b.base_url, stream=True) for _ in range(40)))
    assert {heard.body for heard, _ in all_heard} == {STREAMED}
    assert {record.outcome for _, record in all_heard} == {"ok"}


async def test_a_bug_that_comes_up_while_nobody_listens_is_raised_all_the_same(kind: str) -> None:
    """The constraints of the next hop are asked for in a timer's callback."""

    async with provider(stalls) as a, Gateway(transport_of(kind), limits=replace(LIMITS, ttft=0.05)) as gateway:
        drive = gateway.drive(Listener(), a.base_url, a.base_url, stream=True, bug_in_hop=2)
        with pytest.raises(ZeroDivisionError):
            await drive.run()
    assert drive.record.outcome != "ok"
