"""An app in process behaves as it would behind a server: it streams, it is waited for, it is hung up on, it crashes."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import httpx
import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from policyroute_asgi.asgi_transport import asgi_transport
from policyroute_asgi.transport import provider_transport

pytestmark = pytest.mark.anyio

PATIENCE = 15.0
START: MutableMapping[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain")],
}


def chunk(body: bytes, more: bool = True) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def ask(app: ASGIApp, body: bytes = b"") -> httpx.Response:
    transport: httpx.AsyncBaseTransport = asgi_transport(app)
    return await transport.handle_async_request(httpx.Request("POST", "embedded:/v1/x?a=b", content=body))


async def test_request_and_answer_go_through_whole() -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        asked = await receive()
        assert (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/v1/x", b"a=b")
        assert (b"content-length", b"2") in scope["headers"]
        await send(START)
        await send(chunk(asked["body"], more=False))

    response = await ask(echo, b"hi")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain")
    assert await response.aread() == b"hi"


async def test_chunks_arrive_while_the_app_is_still_running() -> None:
    go = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(chunk(b"one"))
        await asyncio.wait_for(go.wait(), PATIENCE)
        await send(chunk(b"two", more=False))

    response = await ask(app)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    chunks = aiter(response.stream)
    assert await anext(chunks) == b"one"
    go.set()
    assert [rest async for rest in chunks] == [b"two"]


async def test_the_app_waits_for_whoever_reads() -> None:
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(START)
        for _ in range(100):
            await send(chunk(b"x"))
            sent += 1
        await send(chunk(b"", more=False))

    response = await ask(app)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    taken = 0
    async for _ in response.stream:
        taken += 1
        for _ in range(5):
            await asyncio.sleep(0)
        assert sent <= taken + 2
    assert taken == 100


async def test_an_answer_closed_early_is_a_client_that_left() -> None:
    cancelled, told = asyncio.Event(), asyncio.Event()

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        try:
            while True:
                await send(chunk(b"x"))
        except asyncio.CancelledError:
            cancelled.set()
            raise
        finally:
            assert (await receive())["type"] == "http.disconnect"
            told.set()

    response = await ask(streaming)
    await response.aclose()
    assert cancelled.is_set() and told.is_set()


async def test_a_caller_that_is_cancelled_before_the_answer_is_one_too() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    asking = asyncio.ensure_future(ask(slow))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert cancelled.is_set()


@pytest.mark.parametrize("raises", [True, False])
async def test_an_app_that_ends_before_it_answers_could_not_be_reached(raises: bool) -> None:
    async def crashes(scope: Scope, receive: Receive, send: Send) -> None:
        if raises:
            raise ValueError("a secret")

    with pytest.raises(httpx.ConnectError) as caught:
        await ask(crashes)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("raises", [True, False])
async def test_an_app_that_ends_in_the_middle_broke_the_connection(raises: bool) -> None:
    async def crashes(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(chunk(b"one"))
        if raises:
            raise ValueError("a secret")

    response = await ask(crashes)
    with pytest.raises(httpx.ReadError) as caught:
        await response.aread()
    assert "secret" not in str(caught.value)


async def test_work_after_the_answer_is_left_alone() -> None:
    go, finished = asyncio.Event(), asyncio.Event()

    async def tidies_up(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(chunk(b"all", more=False))
        await asyncio.wait_for(go.wait(), PATIENCE)
        finished.set()

    response = await ask(tidies_up)
    assert await response.aread() == b"all"
    await response.aclose()
    go.set()
    await asyncio.wait_for(finished.wait(), PATIENCE)


async def test_schemes_go_to_their_apps() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "status": 201})
        await send(chunk(b"", more=False))

    transport = provider_transport(apps={"embedded": app})
    try:
        response = await transport.handle_async_request(httpx.Request("POST", "embedded:/chat/completions"))
        assert response.status_code == 201
        await response.aread()
    finally:
        await transport.aclose()


async def test_the_callers_timeout_holds_as_over_a_socket() -> None:
    cancelled = 0

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal cancelled
        if scope["path"] == "/begins":
            await send(START)
            await send(chunk(b"one"))
        try:
            await asyncio.Event().wait()
        finally:
            cancelled += 1

    async with httpx.AsyncClient(transport=asgi_transport(silent), timeout=0.01) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post("http://app/answers-never")
        with pytest.raises(httpx.ReadTimeout):
            await http.post("http://app/begins")
    assert cancelled == 2


async def test_httpx2_is_served_by_its_own_classes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/crashes":
            raise ValueError
        await send(START)
        await send(chunk(b"one"))
        await send(chunk(b"two", more=False))

    async with httpx2.AsyncClient(transport=asgi_transport(app, httpx2)) as http:
        async with http.stream("GET", "http://app/") as answer:
            assert [piece async for piece in answer.aiter_raw()] == [b"one", b"two"]
        with pytest.raises(httpx2.ConnectError):
            await http.get("http://app/crashes")
