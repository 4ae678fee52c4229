"""The end of the gateway, and of requests that somebody else gives up: nobody is left without a word of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from tests.support.asgi import Call, ask, call, http_scope, serving
from tests.support.edge import JSON, Counting, Log, chat

from policyroute_asgi import ANONYMOUS, Gateway, PolicyRouteMiddleware, gateway

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"


@pytest.fixture
def app(policies: Path, upstream: Counting, log: Log) -> Gateway:
    return gateway(policies, log=log, transport=upstream, grace=0.05)


async def asked(upstream: Counting) -> None:
    """Returns when the provider has been asked."""
    while not upstream.requests:  # noqa: ASYNC110 - it is at hand within a few steps of the loop
        await asyncio.sleep(0)


async def test_a_stream_that_outlives_the_grace_period_is_told_so(app: Gateway, log: Log) -> None:
    stream = call(app, "POST", CHAT, chat("stall", stream=True), JSON)
    await stream.next()
    await stream.next()
    await app.aclose()
    answer = await stream.finish()
    assert answer.status == 200
    assert answer.messages[-1].get("more_body", False) is False
    *begun, last = answer.body.decode().strip().split("\n\n")
    assert begun
    told = json.loads(last.removeprefix("data: "))["error"]
    assert (told["code"], told["policyroute"]["retry"]) == ("shutting_down", True)
    assert told["policyroute"]["decision_id"] == answer.headers["x-policyroute-decision-id"]
    assert b"[DONE]" not in answer.body
    (line,) = log.lines
    assert (line["status"], line["outcome"]) == (200, "shutting_down")
    assert [attempt["outcome"] for attempt in line["attempts"]] == ["cancelled"]


async def test_before_the_answer_it_is_an_http_error(app: Gateway, upstream: Counting, log: Log) -> None:
    waiting = call(app, "POST", CHAT, chat("stall"), JSON)
    await asked(upstream)
    await app.aclose()
    answer = await waiting.finish()
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (503, "shutting_down")
    assert answer.headers["x-should-retry"] == "true"
    assert [(line["status"], line["outcome"]) for line in log.lines] == [(503, "shutting_down")]
    metrics = (await ask(app, "GET", "/metrics")).body.decode()
    assert "policyroute_in_flight_requests 0.0" in metrics


async def test_a_body_that_does_not_come_is_not_waited_for(app: Gateway) -> None:
    part = {"type": "http.request", "body": b'{"model"', "more_body": True}
    slow = Call(app, http_scope("POST", CHAT, JSON), [part])
    await asyncio.sleep(0)
    assert (await ask(app, "GET", "/v1/models")).status == 200
    await app.aclose()
    answer = await slow.finish()
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (503, "shutting_down")


async def test_what_ends_within_the_grace_period_ends_by_itself(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream, grace=15)
    stream = call(app, "POST", CHAT, chat("ok", stream=True), JSON)
    await stream.next()
    await app.aclose()
    assert (await stream.finish()).body.endswith(b"data: [DONE]\n\n")


async def test_the_grace_period_can_be_cut_short(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream, grace=600)
    waiting = call(app, "POST", CHAT, chat("stall"), JSON)
    await asked(upstream)
    closing = asyncio.ensure_future(app.aclose())
    app.end()
    assert (await waiting.finish()).status == 503
    await closing


async def test_the_middleware_ends_alike(policies: Path, upstream: Counting, log: Log) -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None: ...

    app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS, transport=upstream, log=log, grace=0.05)
    waiting = call(app, "POST", CHAT, chat("stall"), JSON)
    await asked(upstream)
    await asyncio.gather(app.aclose(), app.aclose())
    assert json.loads((await waiting.finish()).body)["error"]["code"] == "shutting_down"
    assert [line["outcome"] for line in log.lines] == ["shutting_down"]


async def test_a_client_that_does_not_read_does_not_hold_up_the_end(app: Gateway, upstream: Counting, log: Log) -> None:
    never = asyncio.Event()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": chat("stall", stream=True), "more_body": False}

    async def send(message: object) -> None:
        await never.wait()

    request = asyncio.ensure_future(app(http_scope("POST", CHAT, JSON), receive, send))
    await asked(upstream)
    await app.aclose()
    await request
    assert [line["outcome"] for line in log.lines] == ["shutting_down"]


class Lingering(httpx.AsyncBaseTransport, httpx.AsyncByteStream):
    """A provider that says all there is to say, and does not hang up."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        await asyncio.Event().wait()


@pytest.mark.parametrize("by_server", [True, False])
async def test_an_answer_that_is_complete_is_told_nothing_more(policies: Path, log: Log, by_server: bool) -> None:
    app = gateway(policies, log=log, transport=Lingering(), grace=0)
    stream = call(app, "POST", CHAT, chat("ok", stream=True), JSON)
    while (await stream.next()).get("more_body", True):
        pass
    if by_server:
        stream.task.cancel()
    await app.aclose()
    await asyncio.wait([stream.task])
    assert stream.answer.body.endswith(b"data: [DONE]\n\n")
    assert [line["outcome"] for line in log.lines] == ["ok"]


async def test_a_request_that_a_server_cancels_was_not_closed_by_its_client(
    app: Gateway, upstream: Counting, log: Log
) -> None:
    waiting = call(app, "POST", CHAT, chat("stall"), JSON)
    await asked(upstream)
    waiting.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting.finish()
    await app.aclose()
    (line,) = log.lines
    assert (line["outcome"], line["attempts"][0]["outcome"]) == ("cancelled", "cancelled")


async def test_a_stream_that_a_server_cancels_is_told_of_it(app: Gateway, log: Log) -> None:
    """uvicorn cancels what is open after a grace period of its own, and only then tells the app that it ends."""
    async with httpx.AsyncClient(trust_env=False) as http:
        async with serving(app, timeout_graceful_shutdown=0.05) as url:
            request = http.build_request("POST", url + CHAT, content=chat("stall", stream=True), headers=JSON)
            stream = await http.send(request, stream=True)
        *begun, last = (await stream.aread()).decode().strip().split("\n\n")
    assert begun
    told = json.loads(last.removeprefix("data: "))["error"]
    assert (told["code"], told["policyroute"]["retry"]) == ("cancelled", True)
    (line,) = log.lines
    assert (line["outcome"], line["attempts"][0]["outcome"]) == ("cancelled", "cancelled")
