"""Every vendor's SDK gets the answers of every other vendor's dialect, and sees its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import openai
import orjson
import pytest
from tests.support.asgi import serving
from tests.support.canaries import PROMPT
from tests.support.edge import Log
from tests.support.speakers import ERRORS, FINISHES, Ask, Said, Speaker, speaker

from policyroute.dialects import DIALECTS
from policyroute_asgi import gateway

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
]

MODELS = ("ok", "throttle-7s", "cut", "no-finish", "refuse", "auth", "slow", "long-500")
PAIRS = [(client, provider) for client, provider in product(DIALECTS, DIALECTS) if client != provider]


def policy() -> str:
    lines = ["version: 1", "providers:"]
    lines += [f'  {name}: {{dialect: {name}, base_url: "embedded:"}}' for name in DIALECTS]
    lines += ["targets:"]
    lines += [f"  {name}-{model}: {{provider: {name}, model: {model}}}" for name in DIALECTS for model in MODELS]
    lines += ["  few-stops: {provider: anthropic, model: long-500, takes: {stop_max: 0}}", "rules:"]
    lines += [
        f"  - {{id: swap-{name}, when: request.model == 'swap-{name}', route: [{busy}-throttle-7s, {name}-ok]}}"
        for name, busy in zip(DIALECTS, reversed(list(DIALECTS)), strict=True)
    ]
    lines += ["  - {id: house, transform: {system: {append: Be brief.}, default: {max_tokens: 4000}}}"]
    return "\n".join([*lines, "default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}"])


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy.yaml").write_text(policy())
    async with serving(gateway(folder, log=Log())) as url:
        yield url


@pytest.fixture(params=PAIRS, ids="<-".join, scope="module")
async def pair(request: pytest.FixtureRequest, url: str) -> AsyncIterator[tuple[Speaker, str, str]]:
    client, provider = request.param
    async with speaker(client, url) as spoken:
        yield spoken, client, provider


Pair = tuple[Speaker, str, str]


async def test_an_answer_is_told_in_the_clients_own_words_at_once_and_as_it_comes(pair: Pair) -> None:
    spoken, client, provider = pair
    whole = await spoken.whole(f"{provider}-ok", Ask(PROMPT, "Be kind."))
    streamed = await spoken.streamed(f"{provider}-ok", Ask(PROMPT, "Be kind."))
    assert whole.text == streamed.text == f"ok says: {PROMPT}"
    assert whole.finish == streamed.finish == FINISHES[client]["stop"]
    assert whole.usage == streamed.usage
    assert min(whole.usage) > 0
    assert whole.model == streamed.model == "ok"


async def test_tools_are_called(pair: Pair) -> None:
    spoken, client, provider = pair
    for asked in (spoken.whole, spoken.streamed):
        said = await asked(f"{provider}-ok", Ask(PROMPT, tool=True))
        assert said.calls == [("look", {"q": "x"})]
        assert said.finish == FINISHES[client]["tools"]


async def test_json_is_answered_as_its_schema_says(pair: Pair) -> None:
    spoken, _, provider = pair
    for asked in (spoken.whole, spoken.streamed):
        said = await asked(f"{provider}-ok", Ask(PROMPT, schema=True))
        assert orjson.loads(said.text) == {"q": "x"}


async def test_a_refusal_is_one_in_every_dialect(pair: Pair) -> None:
    spoken, client, provider = pair
    words = {
        "openai_chat": {"stop", "content_filter"},
        "openai_responses": {"completed", "incomplete"},
        "anthropic": {"refusal"},
        "gemini": {"SAFETY", "PROHIBITED_CONTENT"},
    }
    for asked in (spoken.whole, spoken.streamed):
        try:
            said = await asked(f"{provider}-refuse", Ask(PROMPT))
        except openai.ContentFilterFinishReasonError:
            said = Said(finish="content_filter")  # what its helper for streams makes of that
        assert said.finish in words[client]
        assert "says" not in said.text


async def test_a_swap_to_another_dialect_is_invisible(pair: Pair) -> None:
    spoken, client, provider = pair
    for asked in (spoken.whole, spoken.streamed):
        said = await asked(f"swap-{provider}", Ask(PROMPT))
        assert (said.text, said.finish) == (f"ok says: {PROMPT}", FINISHES[client]["stop"])


@pytest.mark.parametrize("model", ["cut", "no-finish"])
async def test_a_stream_that_breaks_raises_and_never_ends_as_if_it_were_whole(pair: Pair, model: str) -> None:
    spoken, _, provider = pair
    with pytest.raises(ERRORS):
        await spoken.streamed(f"{provider}-{model}", Ask(PROMPT))


@pytest.mark.parametrize("model", ["throttle-7s", "auth"])
async def test_errors_raise_the_sdks_own_exceptions(pair: Pair, model: str) -> None:
    spoken, _, provider = pair
    for asked in (spoken.whole, spoken.streamed):
        with pytest.raises(ERRORS):
            await asked(f"{provider}-{model}", Ask(PROMPT))


async def test_a_long_answer_is_whole(pair: Pair) -> None:
    spoken, _, provider = pair
    said = await spoken.streamed(f"{provider}-long-500", Ask(PROMPT))
    assert said.text == " ".join(f"word{number}" for number in range(1, 501))


CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": PROMPT}], "seed": 7}


async def test_what_was_changed_is_in_the_header_and_in_the_log(tmp_path: Path, log: Log) -> None:
    (tmp_path / "policy.yaml").write_text(policy())
    async with serving(gateway(tmp_path, log=log)) as url, httpx.AsyncClient(base_url=url) as http:
        answered = await http.post("/v1/chat/completions", json={"model": "anthropic-ok", **CHAT})
    assert answered.status_code == 200
    assert "seed=dropped" in answered.headers["x-policyroute-adapted"].split(", ")
    (attempt,) = log.lines[-1]["attempts"]
    assert {"action": "dropped", "field": "seed", "detail": ""} in attempt["adapted"]
    assert attempt["max_tokens"] == 4000
    assert PROMPT not in orjson.dumps(attempt).decode()


async def test_stop_sequences_that_no_word_is_for_end_the_answer_here(url: str) -> None:
    stop = {"model": "few-stops", "stop": ["word7"], "messages": CHAT["messages"]}
    async with httpx.AsyncClient(base_url=url) as http:
        whole = (await http.post("/v1/chat/completions", json=stop)).json()
        async with http.stream("POST", "/v1/chat/completions", json={**stop, "stream": True}) as streamed:
            lines = [line[6:] async for line in streamed.aiter_lines() if line.startswith("data: {")]
    said = " ".join(f"word{number}" for number in range(1, 7)) + " "
    assert whole["choices"][0]["message"]["content"] == said
    assert whole["choices"][0]["finish_reason"] == "stop"
    chunks = [orjson.loads(line) for line in lines]
    deltas = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(deltas) == said
