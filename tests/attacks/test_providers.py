"""What a provider may try, on purpose or because somebody has got into its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, repeat

import pytest
from tests.support.exchanges import LIMITS, Gateway, transport_of
from tests.support.providers import END, LAST, ROLE, STREAM, Asked, answer, http, part, provider, text

from policyroute.failures import FailureKind
from policyroute_asgi.provider_connections import Connection

pytestmark = pytest.mark.anyio

THEIRS = http("200 OK", answer("meant for somebody else"))
WAYS: list[dict[str, Connection]] = [{}, {"a": Connection(proxy="")}]


@pytest.mark.parametrize("connections", WAYS, ids=["as usual", "with settings of its own"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("later", [False, True], ids=["along with an answer", "while nothing is asked"])
async def test_an_answer_that_nobody_asked_for_is_nobodys(
    connections: dict[str, Connection], stream: bool, later: bool
) -> None:
    """It must not be taken for the answer to the next request on the connection, which may be another tenant's."""
    rest, asked_for = asyncio.Event(), STREAM + part(ROLE + text("mine") + LAST) + END
    if not stream:
        asked_for = http("200 OK", answer("mine"))

    async def says_more(asked: Asked) -> bool:
        await asked.say(asked_for if later else asked_for + THEIRS)
        if later:
            await rest.wait()
            await asked.say(THEIRS)
            sent.set()
        return True

    async def whole(asked: Asked) -> bool:
        await asked.say(http("200 OK", answer()))
        return True

    sent = asyncio.Event()
    async with (
        provider(says_more) as a,
        provider(whole) as b,
        Gateway(transport_of("aiohttp"), connections=connections) as gateway,
    ):
        for number in range(1, 4):
            heard, _ = await gateway.ask(a.base_url, stream=stream)
            assert b"mine" in heard.body and b"somebody else" not in heard.body
            assert a.connections == number
            if later:
                rest.set()
                await sent.wait()
                rest.clear()
                sent.clear()
                await gateway.ask(b.base_url)  # what has been sent has come once this has been there and back


FRAMINGS = {
    "two lengths": b"content-length: 5\r\ncontent-length: 6\r\n\r\n",
    "the same length twice": b"content-length: 5\r\ncontent-length: 5\r\n\r\n",
    "a length and chunks": b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a length that is none": b"content-length: +5\r\n\r\n",
    "a NUL": b"x: a\0b\r\ncontent-length: 5\r\n\r\n",
}


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
async def test_an_answer_that_ends_in_two_places_is_none(framing: bytes) -> None:
    async def ambiguous(asked: Asked) -> bool:
        await asked.say(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + framing + b"hello")
        return True

    async with provider(ambiguous) as a, Gateway(transport_of("aiohttp")) as gateway:
        for number in (1, 2):
            heard, _ = await gateway.ask(a.base_url)
            assert heard.failure is not None and heard.failure.kind is FailureKind.UNAVAILABLE
            assert a.connections == number


def many() -> Iterator[bytes]:
    return repeat(b"x-a: %s\r\n" % (b"a" * 1000) * 100)


def long() -> Iterator[bytes]:
    return chain([b"x-a: "], repeat(b"a" * 100_000))


@pytest.mark.parametrize("headers", [many, long])
async def test_a_head_that_never_ends_is_not_kept(headers: Callable[[], Iterator[bytes]]) -> None:
    cut = asyncio.Event()

    async def endless(asked: Asked) -> None:
        await asked.say(b"HTTP/1.1 200 OK\r\n")
        try:
            for piece in headers():
                await asked.say(piece)
        finally:
            cut.set()

    async with provider(endless) as a, Gateway(transport_of("aiohttp")) as gateway:
        heard, _ = await gateway.ask(a.base_url)
        await cut.wait()
    assert heard.failure is not None and heard.failure.kind is FailureKind.UNAVAILABLE


@pytest.mark.parametrize(("stream", "expected"), [(True, FailureKind.TIMEOUT_TTFT), (False, FailureKind.TIMEOUT_TOTAL)])
async def test_a_head_that_drips_is_no_first_token(stream: bool, expected: FailureKind) -> None:
    cut = asyncio.Event()

    async def drips(asked: Asked) -> None:
        gone = asyncio.ensure_future(asked.left())
        for piece in chain([b"HTTP/1.1 200 OK\r\nx-a: "], repeat(b"a")):
            asked.writer.write(piece)
            if (await asyncio.wait({gone}, timeout=0.001))[0]:
                break
        cut.set()

    limits = replace(LIMITS, ttft=0.2, total=0.2 if not stream else 30.0)
    async with provider(drips) as a, Gateway(transport_of("aiohttp"), limits=limits) as gateway:
        heard, _ = await gateway.ask(a.base_url, stream=stream)
        await cut.wait()
    assert heard.failure is not None and heard.failure.kind is expected
