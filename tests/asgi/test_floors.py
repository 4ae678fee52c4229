"""A client is told where only a quality floor is in the way: in two dialects, before anybody was asked and after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from tests.support.asgi import serving
from tests.support.edge import Log

from policyroute_asgi import gateway

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers:
  one: {dialect: openai_chat, base_url: "embedded:"}
  two: {dialect: anthropic, base_url: "embedded:"}
targets:
  throttle: {provider: one, model: throttle-7s, quality: 0.9}
  broken: {provider: one, model: "500", quality: 0.9}
  wrong: {provider: one, model: not-found, quality: 0.9}
  poor: {provider: two, model: ok, quality: 0.5}
  own: {provider: two, model: ok}
rules:
  - {id: good-enough, quality_floor: 0.8}
  - {id: poor, when: request.model == "only-poor", route: [poor, own]}
  - {id: one, when: request.model == "one-good", route: [throttle, poor]}
  - {id: two, when: request.model == "two-good", route: [throttle, broken, poor]}
  - {id: spent, when: request.model == "spent", route: [throttle, poor], fallback: {max_attempts: 1}}
  - {id: alone, when: request.model == "alone", route: [throttle]}
default: {route: [requested, poor], fallback: {retries: 0, swap_delay: 0ms}}
"""
HI: list[Any] = [{"role": "user", "content": "Hi"}]
FLOOR = "the quality floor of 0.8 that rule good-enough sets"


@pytest.fixture
async def url(tmp_path: Path, log: Log) -> AsyncIterator[str]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    async with serving(gateway(tmp_path, log=log)) as url:
        yield url


async def told(url: str, model: str, *, stream: bool = False) -> list[tuple[int, str, str, str | None]]:
    """Status, code, message and Retry-After, as the SDKs of two dialects show them."""
    async with (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as gpt,
        anthropic.AsyncAnthropic(base_url=url, api_key="unused", max_retries=0) as claude,
    ):
        with pytest.raises(openai.APIStatusError) as one:
            await gpt.chat.completions.create(model=model, messages=HI, stream=stream)
        with pytest.raises(anthropic.APIStatusError) as two:
            await claude.messages.create(model=model, messages=HI, max_tokens=9, stream=stream)
    body: Any = two.value.body
    wait = one.value.response.headers.get("retry-after"), two.value.response.headers.get("retry-after")
    return [
        (one.value.status_code, str(one.value.code), one.value.message, wait[0]),
        (two.value.status_code, body["error"]["details"]["error_code"], body["error"]["message"], wait[1]),
    ]


async def test_nobody_is_good_enough(url: str) -> None:
    for status, code, message, wait in await told(url, "only-poor"):
        assert (status, code, wait) == (403, "no_model_meets_floor", None)
        assert FLOOR in message


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["one-good", "two-good"])
async def test_those_that_are_good_enough_failed(url: str, model: str, stream: bool) -> None:
    for status, code, message, wait in await told(url, model, stream=stream):
        assert (status, code, wait) == (429, "no_model_meets_floor", "7")
        assert FLOOR in message
        assert "rate_limited" in message


@pytest.mark.parametrize("model", ["spent", "alone"])
async def test_it_is_no_floor_that_ends_it(url: str, model: str) -> None:
    for status, code, message, _ in await told(url, model):
        assert (status, code) == (429, "rate_limited")
        assert "floor" not in message


async def test_a_failure_that_nobody_is_asked_after_is_told_as_it_is(url: str) -> None:
    for _, code, message, _ in await told(url, "wrong"):
        assert code == "model_not_found"
        assert "floor" not in message
