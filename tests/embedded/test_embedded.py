"""The embedded provider over a real socket, asked by the `openai` SDK: how it answers, and every way it misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from tests.support.asgi import ask, call, serving

from policyroute_asgi.embedded import EmbeddedProvider
from policyroute_asgi.embedded.behaviour import DESCRIBED, Behaviour
from policyroute_asgi.embedded.instance import instance

pytestmark = pytest.mark.anyio

Schema = dict[str, Any]

HI: list[Any] = [{"role": "user", "content": "hi there"}]


@asynccontextmanager
async def sdk(key: str = "sk-embedded-key") -> AsyncGenerator[openai.AsyncOpenAI]:
    async with (
        serving(EmbeddedProvider()) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=10) as client,
    ):
        yield client


async def said(client: openai.AsyncOpenAI, model: str, **more: Any) -> Any:
    create: Any = client.chat.completions.create
    return await create(model=model, messages=HI, **more)


async def streamed(client: openai.AsyncOpenAI, model: str, into: list[ChatCompletionChunk], **more: Any) -> str:
    """The text of a stream; its chunks go to `into` as they come."""
    async for chunk in await said(client, model, stream=True, **more):
        into.append(chunk)  # noqa: PERF401 - a stream that breaks leaves what came before
    return "".join(chunk.choices[0].delta.content or "" for chunk in into if chunk.choices)


async def test_it_answers_and_streams_the_same() -> None:
    async with sdk() as client:
        whole = await said(client, "demo")
        chunks: list[ChatCompletionChunk] = []
        text = await streamed(client, "demo", chunks, stream_options={"include_usage": True})
        again = await said(client, "demo")
    assert whole == again
    assert whole.choices[0].message.content == text == "demo says: hi there"
    assert whole.choices[0].finish_reason == "stop"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage == whole.usage
    assert sum(1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content) == 4


async def test_it_lists_what_it_can_do() -> None:
    async with sdk() as client:
        assert {model.id async for model in client.models.list()} == set(DESCRIBED)


TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"q": {"enum": ["x"]}}, "required": ["q"]},
        },
    }
    for name in ("first", "second")
]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("required", "first"),
        ({"type": "function", "function": {"name": "second"}}, "second"),
        ("auto", None),
    ],
)
async def test_tools_are_called_when_they_must_be(choice: Any, called: str | None) -> None:
    async with sdk() as client:
        whole = (await said(client, "demo", tools=TOOLS, tool_choice=choice)).choices[0]
        async with client.chat.completions.stream(model="demo", messages=HI, tools=TOOLS, tool_choice=choice) as stream:
            final = (await stream.get_final_completion()).choices[0]
    for answer in (whole, final):
        calls = [(call.function.name, call.function.arguments) for call in answer.message.tool_calls or []]
        assert calls == ([(called, '{"q": "x"}')] if called else [])
        assert answer.finish_reason == ("tool_calls" if called else "stop")


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 3}, "when": {"type": "string", "format": "date"}},
    "required": ["n", "when"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}


async def test_json_when_it_is_asked_for() -> None:
    async with sdk() as client:
        fits = await said(client, "demo", response_format=FORMAT)
        breaks = await said(client, "broken-schema", response_format=FORMAT)
        free = await said(client, "demo", response_format={"type": "json_object"})
    assert fits.choices[0].message.content == '{"n": 3, "when": "2026-01-01"}'
    assert breaks.choices[0].message.content == '{"n": 3, "when"'
    assert free.choices[0].message.content == '{"answer": "hi there"}'


@pytest.mark.parametrize(
    ("model", "raised", "code"),
    [
        ("throttle", openai.RateLimitError, "rate_limit_exceeded"),
        ("quota", openai.RateLimitError, "insufficient_quota"),
        ("overloaded", openai.InternalServerError, "server_is_overloaded"),
        ("500", openai.InternalServerError, None),
        ("auth", openai.AuthenticationError, "invalid_api_key"),
        ("not-found", openai.NotFoundError, "model_not_found"),
        ("context-overflow", openai.BadRequestError, "context_length_exceeded"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors(model: str, raised: type[openai.APIStatusError], code: str | None, stream: bool) -> None:
    async with sdk() as client:
        with pytest.raises(raised) as caught:
            await said(client, model, stream=stream)
    assert caught.value.code == code


async def test_numbers_in_names() -> None:
    async with sdk() as client:
        with pytest.raises(openai.RateLimitError) as caught:
            await said(client, "europe:throttle-7s")
        assert caught.value.response.headers["retry-after"] == "7"
        assert (await said(client, "context-overflow-1000")).choices[0].message.content
        assert len((await said(client, "long-40")).choices[0].message.content.split()) == 40


async def test_a_refused_key_is_shown_in_part() -> None:
    async with sdk("sk-1234-and-the-rest-wxyz") as client:
        with pytest.raises(openai.AuthenticationError, match=r"sk-1234-\*\*\*\*wxyz"):
            await said(client, "auth")


async def test_500_once_fails_once_for_each_key_and_question() -> None:
    async with sdk() as client:
        other = client.with_options(api_key="another")
        for asking in (client, other):
            with pytest.raises(openai.InternalServerError):
                await said(asking, "500-once")
        for asking in (client, other):
            assert (await said(asking, "500-once")).choices[0].message.content
        with pytest.raises(openai.InternalServerError):
            await said(client, "500-once")


async def test_a_refusal() -> None:
    async with sdk() as client:
        whole = await said(client, "refuse")
        chunks: list[ChatCompletionChunk] = []
        await streamed(client, "refuse", chunks)
    refusal = "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks)
    assert whole.choices[0].message.refusal == refusal == "I cannot help with that."


async def test_endings() -> None:
    async with sdk() as client:
        for model, finished in (("no-done", True), ("no-finish-1", False), ("empty", True)):
            chunks: list[ChatCompletionChunk] = []
            text = await streamed(client, model, chunks)
            assert (chunks[-1].choices[0].finish_reason == "stop") is finished
            assert text == {"no-done": "no-done says: hi there", "no-finish-1": "no-finish-1 ", "empty": ""}[model]
        assert (await said(client, "empty")).choices[0].message.content == ""


async def test_a_cut_drops_the_connection() -> None:
    async with sdk() as client:
        chunks: list[ChatCompletionChunk] = []
        with pytest.raises(openai.APIConnectionError):
            await streamed(client, "cut-2", chunks)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "cut-2 says: "
        with pytest.raises(openai.APIConnectionError):
            await said(client, "cut")


async def test_done_is_the_last_word_or_not_said() -> None:
    body = b'{"model": "%s", "messages": [{"role": "user", "content": "hi"}], "stream": true}'
    ends = {
        name: (await ask(EmbeddedProvider(), "POST", "/chat/completions", body % name)).body
        for name in (b"ok", b"no-done")
    }
    assert ends[b"ok"].endswith(b"data: [DONE]\n\n")
    assert b"[DONE]" not in ends[b"no-done"]


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_garbage_is_no_json(stream: str) -> None:
    body = f'{{"model": "garbage", "messages": [{{"role": "user"}}], "stream": {stream}}}'
    answer = await ask(EmbeddedProvider(), "POST", "/x/chat/completions", body.encode())
    assert answer.status == 200
    assert b"<html>" in answer.body


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(("model", "words"), [("stall-0", 0), ("stall-2", 2), ("slow-first-token-60s", 0)])
async def test_silence_lasts_until_the_client_has_enough(model: str, words: int, path: str) -> None:
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "hi"}}], "stream": true}}'
    asked = call(EmbeddedProvider(), "POST", path, body.encode())
    for _ in range(2 + words):  # the head, the opening, the words
        await asked.next()
    await asyncio.sleep(0)
    assert asked.sent.empty()
    assert not asked.task.done()
    if model.startswith("stall"):
        asked.hang_up()
        await asked.finish()
    else:
        asked.task.cancel()


async def test_a_stalled_whole_answer_ends_when_the_client_hangs_up() -> None:
    body = b'{"model": "stall", "messages": [{"role": "user", "content": "hi"}]}'
    asked = call(EmbeddedProvider(), "POST", "/v1/chat/completions", body)
    await asyncio.sleep(0)
    assert asked.sent.empty()
    asked.hang_up()
    await asked.finish()


async def test_pauses_are_taken() -> None:
    async with sdk() as client:
        for model in ("slow-first-token-1ms", "slow-1ms"):
            chunks: list[ChatCompletionChunk] = []
            assert await streamed(client, model, chunks) == f"{model} says: hi there"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b"{}", 400),
        ("POST", "/v1/embeddings", b"{}", 400),
        ("POST", "/v1/messages", b"{}", 400),
        ("POST", "/v1/messages/count_tokens", b"{}", 400),
        ("POST", "/v1/images/generations", b"{}", 404),
        ("GET", "/v1/chat/completions", b"", 404),
        ("GET", "/anything/models", b"", 200),
    ],
)
async def test_other_requests(method: str, path: str, body: bytes, status: int) -> None:
    answer = await ask(EmbeddedProvider(), method, path, body)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-5.5", Behaviour("ok", 0)),
        ("throttled", Behaviour("ok", 0)),
        ("throttle", Behaviour("throttle", 1)),
        ("throttle-2.5s", Behaviour("throttle", 2.5)),
        ("slow-first-token-250ms", Behaviour("slow-first-token", 0.25)),
        ("500-once", Behaviour("500-once", 0)),
        ("vendor/model:stall-0", Behaviour("stall", 0)),
        ("cut:demo", Behaviour("ok", 0)),
    ],
)
def test_names(model: str, expected: Behaviour) -> None:
    assert Behaviour.of(model) == expected


LEAVES: list[Schema] = [
    {"type": "string"},
    {"type": "string", "minLength": 4},
    {"type": "integer", "minimum": 2, "maximum": 9},
    {"type": "number", "exclusiveMinimum": 1},
    {"type": "integer", "maximum": -3},
    {"type": ["null", "boolean"]},
    {"type": "null"},
    {"enum": [3, "x"]},
    {"const": {"a": 1}},
    {"$ref": "#/$defs/leaf"},
]


def listing(one: Schema) -> Schema:
    return {"type": "array", "items": one, "minItems": 2}


def nullable(one: Schema) -> Schema:
    return {"anyOf": [one, {"type": "null"}]}


def record(some: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": some, "required": list(some)}


def combined(one: Schema) -> Schema:
    return {**record({"x": one}), "allOf": [{"properties": {"y": {"type": "boolean"}}, "required": ["y"]}]}


def larger(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    records = st.dictionaries(st.sampled_from("abc"), inner).map(record)
    return inner.map(listing) | inner.map(nullable) | inner.map(combined) | records


SCHEMAS = st.recursive(st.sampled_from(LEAVES), larger, max_leaves=6)


@given(SCHEMAS)
def test_an_instance_fits_its_schema(schema: dict[str, Any]) -> None:
    whole = {**schema, "$defs": {"leaf": {"type": "string", "minLength": 2}}}
    jsonschema.validate(instance(whole), whole)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"type": "array", "minItems": 10**9, "items": {"type": "array", "minItems": 10**9}},
        {"type": "object", "required": [["x"], 3]},
        {"type": "array", "minItems": "two"},
        {"anyOf": [3]},
        {"type": "odd"},
        {"$ref": "#/nowhere/at/all"},
    ],
)
def test_a_hostile_schema_costs_little(schema: dict[str, Any]) -> None:
    assert len(repr(instance(schema))) < 100_000


def test_every_behaviour_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "embedded-provider.md"
    if not page.exists():
        pytest.skip("the documentation is out of the way: the wheel is under test")
    text = page.read_text(encoding="utf-8")
    assert [name for name in DESCRIBED if f"`{name}`" not in text] == []
