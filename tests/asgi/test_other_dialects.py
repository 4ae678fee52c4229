"""The `anthropic` SDK, and the `openai` SDK for embeddings, see their vendor's endpoint: swaps, streams, exceptions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from tests.support.asgi import serving
from tests.support.canaries import PROMPT
from tests.support.edge import Log

from policyroute_asgi import Router, gateway

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers:
  claude: {dialect: anthropic, base_url: "embedded:"}
  openai: {dialect: openai_chat, base_url: "embedded:"}
targets:
  ok: {provider: claude, model: claude-ok}
  throttle: {provider: claude, model: throttle-7s}
  overloaded: {provider: claude, model: overloaded}
  auth: {provider: claude, model: auth}
  cut: {provider: claude, model: cut}
  no-done: {provider: claude, model: no-done}
  refuse: {provider: claude, model: refuse}
  stall: {provider: claude, model: stall}
  busy-vectors: {provider: openai, model: throttle-7s, supports: {embeddings: true}}
  short-vectors: {provider: openai, model: broken-schema, supports: {embeddings: true}}
  vectors: {provider: openai, model: vectors, supports: {embeddings: true}}
rules:
  - {id: swap, when: request.model == "swap", route: [throttle, overloaded, ok]}
  - {id: vectors, when: request.model == "swap-vectors", route: [busy-vectors, vectors]}
  - {id: house, transform: {system: {append: Be brief.}}}
default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}
"""
HI: list[Any] = [{"role": "user", "content": PROMPT}]


@pytest.fixture
async def url(tmp_path: Path, log: Log) -> AsyncIterator[str]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    async with serving(gateway(tmp_path, log=log)) as url:
        yield url


@pytest.fixture
async def claude(url: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="unused", max_retries=0) as client:
        yield client


async def asked(client: anthropic.AsyncAnthropic, model: str, **more: Any) -> Any:
    create: Any = client.messages.create
    return await create(model=model, max_tokens=50, messages=HI, **more)


async def test_a_swap_is_invisible(claude: anthropic.AsyncAnthropic) -> None:
    whole = await asked(claude, "swap")
    async with claude.messages.stream(model="swap", max_tokens=50, messages=HI) as stream:
        final: Any = await stream.get_final_message()
    for answer in (whole, final):
        assert (answer.content[0].text, answer.stop_reason) == (f"claude-ok says: {PROMPT}", "end_turn")
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 9)  # the house's words included


@pytest.mark.parametrize(
    ("model", "raised", "code"),
    [
        ("throttle", anthropic.RateLimitError, "rate_limited"),
        ("overloaded", anthropic.InternalServerError, "overloaded"),
        ("auth", anthropic.InternalServerError, "upstream_auth"),
        ("nothing-serves-this", anthropic.NotFoundError, "model_not_found"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_raise_its_own_exceptions(
    claude: anthropic.AsyncAnthropic, model: str, raised: type[anthropic.APIStatusError], code: str, stream: bool
) -> None:
    with pytest.raises(raised) as caught:
        await asked(claude, model, stream=stream)
    assert caught.value.error_code == code
    assert caught.value.response.headers.get("retry-after") == ("7" if model == "throttle" else None)


@pytest.mark.parametrize("model", ["cut", "no-done"])
async def test_a_stream_that_breaks_raises_after_what_came(claude: anthropic.AsyncAnthropic, model: str) -> None:
    text = ""
    with pytest.raises(anthropic.APIStatusError) as caught:
        async for event in await asked(claude, model, stream=True):
            text += event.delta.text if event.type == "content_block_delta" else ""
    assert caught.value.error_code == "stream_broken"
    assert text.startswith(f"{model} says: ")


async def test_a_refusal_is_an_answer(claude: anthropic.AsyncAnthropic) -> None:
    assert (await asked(claude, "refuse")).stop_reason == "refusal"
    assert [event.type async for event in await asked(claude, "refuse", stream=True)][-1] == "message_stop"


async def test_vectors_come_from_one_model_or_not_at_all(url: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        made = await client.embeddings.create(model="vectors", input=["a", "b"])
        assert ([row.index for row in made.data], made.model) == ([0, 1], "vectors")
        with pytest.raises(openai.RateLimitError):
            await client.embeddings.create(model="swap-vectors", input="a")
        with pytest.raises(openai.InternalServerError) as caught:
            await client.embeddings.create(model="short-vectors", input=["a", "b"])
        assert caught.value.code == "stream_broken"
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await client.chat.completions.create(model="vectors", messages=HI)
        assert refused.value.code == "no_eligible_target"


COUNTED = """
version: 1
providers:
  claude: {dialect: anthropic, base_url: "embedded:"}
  openai: {dialect: openai_chat, base_url: "embedded:"}
targets:
  ok: {provider: claude, model: claude-ok}
  busy: {provider: claude, model: overloaded}
  gpt: {provider: openai, model: ok}
rules:
  - {id: nobody, when: request.model == "forbidden", deny: {code: not_here}}
  - {id: to-openai, when: request.model == "elsewhere", route: [gpt]}
default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}
"""


FIVE: list[Any] = [{"role": "user", "content": "Hello"}]


async def test_tokens_are_counted_by_a_provider_or_else_estimated(tmp_path: Path, log: Log) -> None:
    (tmp_path / "policy.yaml").write_text(COUNTED)
    async with (
        serving(gateway(tmp_path, log=log)) as url,
        anthropic.AsyncAnthropic(base_url=url, api_key="unused", max_retries=0) as client,
    ):
        counted: dict[str, tuple[int, str | None]] = {}
        for model in ("ok", "busy", "elsewhere"):
            raw = await client.messages.with_raw_response.count_tokens(model=model, messages=FIVE)
            answer: Any = await raw.parse()
            counted[model] = (answer.input_tokens, raw.headers.get("x-policyroute-adapted"))
        assert counted["ok"][0] > 0 and counted["ok"][1] is None
        assert counted["busy"] == counted["elsewhere"] == (2, "estimated")  # four bytes a token
        with pytest.raises(anthropic.PermissionDeniedError):
            await client.messages.count_tokens(model="forbidden", messages=HI)
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.count_tokens(model="unheard-of", messages=HI)


async def test_the_sdk_of_an_app_is_served_in_process(tmp_path: Path, log: Log) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    async with (
        Router(tmp_path, log=log) as router,
        anthropic.AsyncAnthropic(
            api_key="unused", http_client=router.httpx2_client(client={"id": "job"}), max_retries=0
        ) as client,
    ):
        assert (await asked(client, "swap")).stop_reason == "end_turn"
        async with client.messages.stream(model="ok", max_tokens=50, messages=HI) as stream:
            kinds = [event.type async for event in stream]
        assert kinds[0] == "message_start" and kinds[-1] == "message_stop"
        with pytest.raises(anthropic.RateLimitError):
            await asked(client, "throttle")
        async with client.messages.stream(model="stall", max_tokens=50, messages=HI) as stream:
            async for event in stream:
                if event.type == "content_block_delta":
                    break  # the provider says nothing more, ever
    assert [(line["client"], line["outcome"]) for line in log.lines] == [
        ("job", "ok"),
        ("job", "ok"),
        ("job", "rate_limited"),
        ("job", "client_closed"),
    ]


async def test_refusals_are_in_the_callers_dialect_whatever_the_path(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        told = [
            (await http.get(path, headers=headers)).json()
            for path, headers in (
                ("/v1/models/unheard-of", {"anthropic-version": "2023-06-01"}),
                ("/v1/files", {"anthropic-version": "2023-06-01"}),
                ("/v1/messages/batches", {"anthropic-version": "2023-06-01"}),
                ("/v1/messages", {"origin": "https://evil.example"}),
                ("/v1beta/models/unheard-of", {}),
                ("/v1beta/files", {}),
                ("/v1/models/unheard-of", {}),
            )
        ]
    assert [answer.get("type") for answer in told] == ["error"] * 4 + [None] * 3
    assert [answer["error"].get("status") for answer in told[4:]] == ["NOT_FOUND", "NOT_FOUND", None]
