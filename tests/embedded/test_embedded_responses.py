"""The embedded provider asked for Responses by the `openai` SDK; and how our own reader takes what it does."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import openai
import orjson
import pytest
from tests.support.asgi import ask, call, serving

from policyroute import ModelRequest
from policyroute.dialects import DIALECTS
from policyroute.events import Broken, Finished, FinishReason, StreamEvent
from policyroute.failures import FailureKind
from policyroute_asgi.embedded import ConnectionCut, EmbeddedProvider

pytestmark = pytest.mark.anyio

RESPONSES = DIALECTS["openai_responses"]
SCHEMA = {"type": "object", "properties": {"q": {"enum": ["x"]}}, "required": ["q"], "additionalProperties": False}


@asynccontextmanager
async def sdk() -> AsyncGenerator[openai.AsyncOpenAI]:
    async with (
        serving(EmbeddedProvider()) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-embedded-key", max_retries=0, timeout=10) as client,
    ):
        yield client


async def both(client: openai.AsyncOpenAI, **asked: Any) -> list[Any]:
    """The answer at once, and what the SDK makes of the stream."""
    create: Any = client.responses.create
    streaming: Any = client.responses.stream
    asked = {"model": "demo", "input": "hi there", **asked}
    async with streaming(**asked) as stream:
        final = await stream.get_final_response()
    return [await create(**asked), final]


async def test_it_answers_and_streams_the_same() -> None:
    async with sdk() as client:
        whole, final = await both(client)
        words = [
            event.delta
            async for event in await client.responses.create(model="demo", input="hi there", stream=True)
            if event.type == "response.output_text.delta"
        ]
    assert whole.output_text == final.output_text == "".join(words) == "demo says: hi there"
    assert len(words) == 4
    assert (whole.status, final.status) == ("completed", "completed")
    assert whole.usage == final.usage
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (2, 4)


TOOLS: list[Any] = [
    {"type": "web_search"},
    {"type": "function", "name": "first", "parameters": SCHEMA, "strict": True},
    {"type": "function", "name": "second", "parameters": SCHEMA, "strict": True},
]


@pytest.mark.parametrize(
    ("choice", "called"),
    [("required", "first"), ({"type": "function", "name": "second"}, "second"), ("auto", None)],
)
async def test_tools_are_called_when_they_must_be(choice: Any, called: str | None) -> None:
    async with sdk() as client:
        for answer in await both(client, tools=TOOLS, tool_choice=choice):
            calls = [(item.name, item.arguments) for item in answer.output if item.type == "function_call"]
            assert calls == ([(called, '{"q": "x"}')] if called else [])


async def test_json_when_it_is_asked_for() -> None:
    form = {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}
    async with sdk() as client:
        assert [answer.output_text for answer in await both(client, text=form)] == ['{"q": "x"}'] * 2


async def test_a_refusal_is_one() -> None:
    async with sdk() as client:
        for answer in await both(client, model="refuse"):
            assert answer.output[0].content[0].refusal == "I cannot help with that."


@pytest.mark.parametrize("stream", [False, True])
async def test_errors_are_openais(stream: bool) -> None:
    async with sdk() as client:
        with pytest.raises(openai.RateLimitError) as caught:
            await client.responses.create(model="throttle", input="hi", stream=stream)
        assert caught.value.code == "rate_limit_exceeded"
        for _ in range(2):
            with pytest.raises(openai.InternalServerError):
                await client.responses.create(model="500-once", input="hi", stream=stream)
            await client.responses.create(model="500-once", input="hi", stream=stream)


async def events_of(model: str, *, stream: bool) -> list[StreamEvent]:
    """What our own reader takes the answer for."""
    body = orjson.dumps({"model": model, "input": "hi there", "stream": stream})
    asked = call(EmbeddedProvider(), "POST", "/v1/responses", body)
    try:
        answer = await asked.finish()
    except ConnectionCut:
        answer = asked.answer
    if not stream:
        return RESPONSES.answer(answer.body, (), ModelRequest.read("openai_responses", body))
    reader = RESPONSES.stream()
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


async def test_what_cannot_be_read_is_refused_in_its_own_words() -> None:
    answer = await ask(EmbeddedProvider(), "POST", "/v1/responses", b'{"model": "m"}')
    assert (answer.status, orjson.loads(answer.body)["error"]["code"]) == (400, "missing_input")
