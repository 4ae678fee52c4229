"""An app's own SDK calls obey the policies that its callers do: without a socket, event by event, cancellable."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from tests.support.asgi import ask
from tests.support.canaries import PROMPT
from tests.support.edge import JSON, Counting, Log, chat

from policyroute.request import Client
from policyroute_asgi import ANONYMOUS, PolicyRouteMiddleware, Router

pytestmark = pytest.mark.anyio
HELLO: Any = [{"role": "user", "content": PROMPT}]
ANN = Client(id="ann", tenant="acme")


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a socket was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)


@pytest.fixture
async def router(policies: Path, upstream: Counting, log: Log) -> AsyncIterator[Router]:
    async with Router(policies, log=log, transport=upstream) as router:
        yield router


def sdk(router: Router, client: Any = ANN, library: str = "httpx", **options: Any) -> AsyncOpenAI:
    """With the SDK's own base URL: nothing says where requests go but the router."""
    http: Any = router.http_client(client=client) if library == "httpx" else router.httpx2_client(client=client)
    return AsyncOpenAI(api_key="unused", http_client=http, max_retries=0, **options)


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
async def test_the_sdk_is_answered_by_policy(router: Router, log: Log, library: str) -> None:
    async with sdk(router, library=library) as ai:
        raw = await ai.chat.completions.with_raw_response.create(model="swap", messages=HELLO)
        assert raw.headers["x-policyroute-target"] == "ok"
        assert raw.parse().choices[0].finish_reason == "stop"
        stream = await ai.chat.completions.create(model="ok", messages=HELLO, stream=True)
        assert [chunk async for chunk in stream][-1].choices[0].finish_reason == "stop"
        assert [model.id async for model in ai.models.list()]
    await router.aclose()
    assert [(line["client"], line["tenant"], line["outcome"]) for line in log.lines] == [("ann", "acme", "ok")] * 2


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
async def test_errors_are_the_sdks_own(router: Router, library: str) -> None:
    async with sdk(router, library=library) as ai:
        with pytest.raises(openai.PermissionDeniedError) as denied:
            await ai.chat.completions.create(model="forbidden", messages=HELLO)
        with pytest.raises(openai.RateLimitError):
            await ai.chat.completions.create(model="throttle", messages=HELLO)
        with pytest.raises(openai.APIError, match="broke"):
            async for _ in await ai.chat.completions.create(model="cut", messages=HELLO, stream=True):
                pass
        with pytest.raises(openai.NotFoundError) as unserved:
            await ai.images.generate(prompt="a cat")
    assert denied.value.code == "forbidden_model"
    assert unserved.value.code == "not_served"


async def test_events_come_while_the_provider_still_speaks(router: Router) -> None:
    async with sdk(router) as ai:
        stream = await ai.chat.completions.create(model="stall", messages=HELLO, stream=True)
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                break  # the provider says nothing more, ever
        await stream.close()


async def test_a_call_that_is_cancelled_is_a_client_that_left(router: Router, upstream: Counting, log: Log) -> None:
    async with sdk(router) as ai:
        waiting = asyncio.ensure_future(ai.chat.completions.create(model="stall", messages=HELLO))
        while not upstream.requests:  # noqa: ASYNC110 - it is at hand within a few steps of the loop
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await router.aclose()
    assert [line["outcome"] for line in log.lines] == ["client_closed"]


async def test_who_calls_may_be_asked_for_each_request(router: Router, log: Log) -> None:
    names = iter(["ann", "bob"])

    def who(scope: object) -> dict[str, str] | None:
        name = next(names, None)
        return {"id": name} if name else None

    async with sdk(router, who) as ai:
        for _ in range(2):
            await ai.chat.completions.create(model="ok", messages=HELLO)
        with pytest.raises(openai.AuthenticationError):
            await ai.chat.completions.create(model="ok", messages=HELLO)
    async with sdk(router, ANONYMOUS) as anybody, sdk(router, {"id": "cy"}) as cy:
        await anybody.chat.completions.create(model="ok", messages=HELLO)
        await cy.chat.completions.create(model="ok", messages=HELLO)
    await router.aclose()
    assert [line["client"] for line in log.lines] == ["ann", "bob", None, "anonymous", "cy"]


async def test_nothing_but_llm_paths_is_answered_whatever_the_host(router: Router) -> None:
    async with router.http_client(client=ANN) as http:
        for url in ("https://example.com/", "http://127.0.0.1/metrics", "http://x/-/policy", "http://x/readyz"):
            answer = await http.get(url)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_a_middleware_and_the_apps_own_calls_share_one_engine(policies: Path, upstream: Counting) -> None:
    async def inner(scope: object, receive: object, send: object) -> None:
        raise AssertionError("LLM paths never reach the app")

    router = Router(policies, transport=upstream)
    app = PolicyRouteMiddleware(inner, router, client=ANONYMOUS)
    assert (await ask(app, "POST", "/v1/chat/completions", chat("ok"), JSON)).status == 200
    async with sdk(router) as ai:
        await ai.chat.completions.create(model="ok", messages=HELLO)
        await app.aclose()
        await ai.chat.completions.create(model="ok", messages=HELLO)  # it starts anew
    await router.aclose()
    with pytest.raises(TypeError, match="grace"):
        PolicyRouteMiddleware(inner, router, client=ANONYMOUS, grace=1)


async def test_a_policy_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text("version: 1")
    router = Router(tmp_path)
    async with router.http_client(client=ANN) as http, router.httpx2_client(client=ANN) as http2:
        for answer in (
            await http.post("https://api.openai.com/v1/chat/completions", json={}),
            await http2.post("https://api.openai.com/v1/chat/completions", json={}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "policy_unavailable")
    await router.aclose()


async def test_settings_of_the_client_are_its_callers(router: Router) -> None:
    async with router.http_client(client=ANN, timeout=0.01, headers={"x-team": "a"}) as http:
        assert http.headers["x-team"] == "a"
        with pytest.raises(httpx.ReadTimeout):
            await http.post("http://x/v1/chat/completions", json={"model": "stall", "messages": HELLO})
