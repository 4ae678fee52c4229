"""The official SDK over a real socket sees a normal OpenAI endpoint: answers, tools, streams, exceptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import (
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from starlette.types import Receive, Scope, Send
from tests.support.asgi import PATIENCE, serving
from tests.support.canaries import PROMPT
from tests.support.edge import Log

from policyroute_asgi import gateway

pytestmark = pytest.mark.anyio
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather somewhere",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
async def client(policies: Path, log: Log) -> AsyncIterator[AsyncOpenAI]:
    async with (
        serving(gateway(policies, log=log)) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client,
    ):
        yield client


async def test_a_completion(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="ok", messages=HELLO)
    assert answer.model == "ok"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


async def test_raw_headers_are_there(client: AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(model="swap", messages=HELLO)
    assert raw.headers["x-policyroute-target"] == "ok"
    assert raw.headers["x-policyroute-attempts"] == "2"
    assert raw.headers["x-request-id"]


async def test_a_tool_call(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="ok", messages=HELLO, tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "weather"}}
    )
    (called,) = answer.choices[0].message.tool_calls or []
    assert isinstance(called, ChatCompletionMessageFunctionToolCall)
    assert called.function.name == "weather"
    assert "city" in called.function.arguments


async def test_a_stream_is_the_same_text(client: AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="ok", messages=HELLO)
    text = ""
    finish: list[str] = []
    async for chunk in await client.chat.completions.create(model="ok", messages=HELLO, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish += [choice.finish_reason] if choice.finish_reason else []
    assert text == whole.choices[0].message.content
    assert finish == ["stop"]


async def test_usage_in_a_stream(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="swap", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    usages = [chunk.usage async for chunk in stream if chunk.usage]
    assert [usage.total_tokens > 0 for usage in usages] == [True]


async def test_models(client: AsyncOpenAI) -> None:
    assert "ok" in {model.id async for model in client.models.list()}


@pytest.mark.parametrize(
    ("model", "exception", "code"),
    [
        ("throttle", openai.RateLimitError, "rate_limited"),
        ("500", openai.InternalServerError, "unavailable"),
        ("auth", openai.InternalServerError, "upstream_auth"),
        ("unheard-of", openai.NotFoundError, "model_not_found"),
        ("forbidden", openai.PermissionDeniedError, "forbidden_model"),
        ("nobody", openai.PermissionDeniedError, "no_eligible_target"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_the_sdk_raises_its_own_exceptions(
    client: AsyncOpenAI, model: str, exception: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    with pytest.raises(exception) as caught:
        await client.chat.completions.create(model=model, messages=HELLO, stream=stream)
    assert caught.value.code == code
    assert caught.value.message


async def test_a_bad_request(client: AsyncOpenAI) -> None:
    wrong: Any = [{"role": "user", "content": 7}]
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model="ok", messages=wrong)


@pytest.mark.parametrize("model", ["cut", "no-finish"])
async def test_a_stream_that_breaks_raises_after_what_was_said(client: AsyncOpenAI, model: str) -> None:
    text = ""
    with pytest.raises(openai.APIError) as caught:
        async for chunk in await client.chat.completions.create(model=model, messages=HELLO, stream=True):
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert caught.value.code == "stream_broken"
    assert text


class Endless:
    """A provider that says one word and waits until its caller is gone."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        chunk = (
            b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
            b'[{"index":0,"delta":{"role":"assistant","content":"word"},"finish_reason":null}]}\n\n'
        )
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["path"].startswith("/speaking"):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        self.asked.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


@pytest.mark.parametrize("place", ["speaking", "silent"])
async def test_a_client_that_leaves_closes_the_attempt_upstream(tmp_path: Path, log: Log, place: str) -> None:
    provider = Endless()
    async with serving(provider, lifespan="off") as upstream:
        (tmp_path / "policy.yaml").write_text(
            f"version: 1\nproviders: {{p: {{dialect: openai_chat, base_url: '{upstream}/{place}', region: eu}}}}\n"
            "targets: {t: {provider: p, model: m}}\ndefault: {route: [t]}\n"
        )
        async with serving(gateway(tmp_path, log=log)) as url:
            client = AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)

            async def read() -> None:
                async for _ in await client.chat.completions.create(model="t", messages=HELLO, stream=True):
                    pass

            reading = asyncio.ensure_future(read())
            async with asyncio.timeout(PATIENCE):
                await provider.asked.wait()
                assert not provider.left.is_set()
                reading.cancel()
                await asyncio.wait([reading])
                await client.close()
                await provider.left.wait()
    assert [line["outcome"] for line in log.lines] == ["client_closed"]
