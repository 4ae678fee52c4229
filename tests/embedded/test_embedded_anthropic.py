"""The embedded provider over a real socket, asked by the `anthropic` SDK; and how our own reader takes what it does."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2
import orjson
import pytest
from tests.support.asgi import ask, call, serving

from policyroute import ModelRequest
from policyroute.dialects import DIALECTS
from policyroute.events import Broken, Finished, FinishReason, StreamEvent
from policyroute.failures import FailureKind
from policyroute_asgi.embedded import ConnectionCut, EmbeddedProvider
from policyroute_asgi.embedded.behaviour import DESCRIBED

pytestmark = pytest.mark.anyio

HI: list[Any] = [{"role": "user", "content": "hi there"}]
ANTHROPIC = DIALECTS["anthropic"]


@asynccontextmanager
async def sdk(key: str = "sk-ant-embedded-key") -> AsyncGenerator[anthropic.AsyncAnthropic]:
    async with (
        serving(EmbeddedProvider()) as url,
        anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0, timeout=10) as client,
    ):
        yield client


async def said(client: anthropic.AsyncAnthropic, model: str, **more: Any) -> Any:
    create: Any = client.messages.create
    return await create(model=model, max_tokens=100, messages=HI, **more)


async def test_it_answers_and_streams_the_same() -> None:
    async with sdk() as client:
        whole = await said(client, "demo")
        again = await said(client, "demo")
        async with client.messages.stream(model="demo", max_tokens=100, messages=HI) as stream:
            words = [word async for word in stream.text_stream]
            final: Any = await stream.get_final_message()
    assert whole == again
    assert whole.content[0].text == final.content[0].text == "demo says: hi there"
    assert len(words) == 4
    assert (whole.stop_reason, final.stop_reason) == ("end_turn", "end_turn")
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (2, 4)
    assert (final.usage.input_tokens, final.usage.output_tokens) == (2, 4)


SCHEMA = {"type": "object", "properties": {"q": {"enum": ["x"]}}, "required": ["q"]}
TOOLS: list[Any] = [
    {"type": "web_search_20250305", "name": "web_search"},
    {"name": "first", "input_schema": SCHEMA},
    {"name": "second", "input_schema": SCHEMA},
]


@pytest.mark.parametrize(
    ("choice", "called"),
    [({"type": "any"}, "first"), ({"type": "tool", "name": "second"}, "second"), ({"type": "auto"}, None)],
)
async def test_tools_are_called_when_they_must_be(choice: Any, called: str | None) -> None:
    asked: dict[str, Any] = {"model": "demo", "max_tokens": 9, "messages": HI, "tools": TOOLS, "tool_choice": choice}
    async with sdk() as client:
        answers: list[Any] = [await client.messages.create(**asked)]
        async with client.messages.stream(**asked) as stream:
            answers.append(await stream.get_final_message())
    for answer in answers:
        calls = [(block.name, block.input) for block in answer.content if block.type == "tool_use"]
        assert calls == ([(called, {"q": "x"})] if called else [])
        assert answer.stop_reason == ("tool_use" if called else "end_turn")


async def test_json_when_it_is_asked_for() -> None:
    form = {"format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}}
    async with sdk() as client:
        fits = await said(client, "demo", output_config=form)
        breaks = await said(client, "broken-schema", output_config=form)
    assert fits.content[0].text == '{"q": "x"}'
    assert breaks.content[0].text == '{"q":'


@pytest.mark.parametrize(
    ("model", "status", "type_", "kind"),
    [
        ("throttle", 429, "rate_limit_error", FailureKind.RATE_LIMITED),
        ("quota", 402, "billing_error", FailureKind.QUOTA_EXHAUSTED),
        ("overloaded", 529, "overloaded_error", FailureKind.OVERLOADED),
        ("500", 500, "api_error", FailureKind.UNAVAILABLE),
        ("auth", 401, "authentication_error", FailureKind.AUTH),
        ("not-found", 404, "not_found_error", FailureKind.MODEL_NOT_FOUND),
        ("context-overflow", 400, "invalid_request_error", FailureKind.CONTEXT_OVERFLOW),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors(model: str, status: int, type_: str, kind: FailureKind, stream: bool) -> None:
    async with sdk() as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await said(client, model, stream=stream)
    assert (caught.value.status_code, caught.value.type) == (status, type_)
    response = caught.value.response
    assert ANTHROPIC.failure(status, dict(response.headers), orjson.dumps(caught.value.body), 0.0).kind is kind
    assert response.headers.get("retry-after") == ("1" if model == "throttle" else None)


async def test_500_once_fails_once_for_each_key_and_question() -> None:
    async with sdk() as client:
        for asking in (client, client.with_options(api_key="another")):
            with pytest.raises(anthropic.InternalServerError):
                await said(asking, "500-once")
            assert (await said(asking, "500-once")).content
        with pytest.raises(anthropic.InternalServerError):
            await client.messages.count_tokens(model="500-once", messages=HI)


async def test_a_cut_drops_the_connection() -> None:
    async with sdk() as client:
        with pytest.raises(anthropic.APIConnectionError):
            await said(client, "cut")
        text = ""
        with pytest.raises((anthropic.APIConnectionError, httpx2.HTTPError)):
            async for event in await said(client, "cut-2", stream=True):
                text += event.delta.text if event.type == "content_block_delta" else ""
    assert text == "cut-2 says: "


def body(model: str, *, stream: bool) -> bytes:
    return orjson.dumps({"model": model, "max_tokens": 9, "messages": HI, "stream": stream})


async def events_of(model: str, *, stream: bool) -> list[StreamEvent]:
    """What our own reader takes the answer for."""
    request = ModelRequest.read("anthropic", body(model, stream=stream))
    asked = call(EmbeddedProvider(), "POST", "/v1/messages", request.body)
    try:
        answer = await asked.finish()
    except ConnectionCut:
        answer = asked.answer
    if not stream:
        return ANTHROPIC.answer(answer.body, (), request)
    reader = ANTHROPIC.stream()
    found, _ = reader.feed(answer.body)
    return found + reader.end()


@pytest.mark.parametrize(
    ("model", "streamed", "whole"),
    [
        ("ok", FinishReason.STOP, FinishReason.STOP),
        ("refuse", FinishReason.REFUSAL, FinishReason.REFUSAL),
        ("long-100", FinishReason.STOP, FinishReason.STOP),
        ("empty", FailureKind.EMPTY, FailureKind.EMPTY),
        ("garbage", FailureKind.UNAVAILABLE, FailureKind.UNAVAILABLE),
        ("cut", FailureKind.STREAM_BROKEN, FailureKind.UNAVAILABLE),
        ("no-finish", FailureKind.STREAM_BROKEN, FailureKind.UNAVAILABLE),
        ("no-done", FailureKind.STREAM_BROKEN, FinishReason.STOP),
    ],
)
async def test_how_its_answers_end(model: str, streamed: object, whole: object) -> None:
    for stream, expected in ((True, streamed), (False, whole)):
        last = (await events_of(model, stream=stream))[-1]
        assert isinstance(last, Broken | Finished)
        assert (last.failure.kind if isinstance(last, Broken) else last.reason) is expected


async def test_it_counts() -> None:
    async with sdk() as client:
        assert (await client.messages.count_tokens(model="demo", messages=HI)).input_tokens == 2
        with pytest.raises(anthropic.RateLimitError):
            await client.messages.count_tokens(model="throttle", messages=HI)


async def test_it_lists_its_models_to_each_as_each_expects() -> None:
    async with sdk() as client:
        assert {model.id async for model in client.models.list()} == set(DESCRIBED)
    gemini = orjson.loads((await ask(EmbeddedProvider(), "GET", "/v1beta/models")).body)
    assert {row["name"] for row in gemini["models"]} == {f"models/{name}" for name in DESCRIBED}


async def test_what_cannot_be_read_is_refused_in_its_own_words() -> None:
    answer = await ask(EmbeddedProvider(), "POST", "/v1/messages", b'{"model": "m"}')
    assert answer.status == 400
    assert orjson.loads(answer.body)["error"]["type"] == "invalid_request_error"
