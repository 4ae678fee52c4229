"""Any SDK through the gateway to llama.cpp's own server, in each dialect that it speaks.

Its model has random weights, so that what is said means nothing: what counts is that it is said, counted and ended.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import httpx
import openai
import pytest
from tests.support.asgi import serving
from tests.support.edge import Log
from tests.support.speakers import ERRORS, FINISHES, Ask, Speaker, speaker

from policyroute.dialects import DIALECTS
from policyroute_asgi import gateway

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
]
SPOKEN = ("openai_chat", "openai_responses", "anthropic")
PAIRS = list(product(DIALECTS, SPOKEN))
Pair = tuple[Speaker, str, str]
LONG = Ask("Say anything.", "Be brief.", limit=16)


@pytest.fixture(scope="module")
async def url(llama: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    lines = ["version: 1", "providers:"]
    lines += [f"  {name}: {{vendor: llamacpp, dialect: {name}, base_url: '{llama}/v1'}}" for name in SPOKEN]
    lines += ["targets:", *(f"  at-{name}: {{provider: {name}, model: tiny}}" for name in SPOKEN)]
    lines += ["default: {route: [requested], fallback: {retries: 0}}"]
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy.yaml").write_text("\n".join(lines))
    async with serving(gateway(folder, log=Log())) as url:
        yield url


@pytest.fixture(params=PAIRS, ids="<-".join, scope="module")
async def pair(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Pair]:
    client, provider = request.param
    async with speaker(client, url) as spoken:
        yield spoken, client, provider


async def test_an_answer_is_told_counted_and_ended(pair: Pair) -> None:
    spoken, client, provider = pair
    # Of its own accord this server says of a response that was cut that it is complete.
    end = FINISHES[client]["stop" if provider == "openai_responses" else "length"]
    said = await spoken.whole(f"at-{provider}", LONG)
    assert (len(said.text) > 0, said.usage[1], said.finish) == (True, 16, end)
    if client == provider == "openai_responses":
        return  # passed on as it is, and without its indexes no SDK takes this server's stream
    try:
        said = await spoken.streamed(f"at-{provider}", LONG)
    except openai.LengthFinishReasonError as cut:  # what its helper for streams makes of that
        assert cut.completion.usage is not None
        assert (client, cut.completion.usage.completion_tokens) == ("openai_chat", 16)
    else:
        assert (len(said.text) > 0, said.usage[1], said.finish) == (True, 16, end)


@pytest.mark.parametrize("client", DIALECTS)
async def test_an_answer_is_by_its_schema(url: str, client: str) -> None:
    """This server holds answers to a schema in Chat alone."""
    async with speaker(client, url) as spoken:
        for asked in (spoken.whole, spoken.streamed):
            said = await asked("at-openai_chat", Ask("Say anything.", schema=True))
            assert json.loads(said.text) == {"q": "x"}


async def test_a_prompt_that_is_too_long_is_told_as_that(pair: Pair, url: str) -> None:
    spoken, _, provider = pair
    for asked in (spoken.whole, spoken.streamed):
        with pytest.raises(ERRORS):
            await asked(f"at-{provider}", Ask("long " * 600, limit=8))
    async with speaker("openai_chat", url) as chat:
        with pytest.raises(openai.BadRequestError) as told:
            await chat.whole(f"at-{provider}", Ask("long " * 600, limit=8))
    assert told.value.code == "context_length_exceeded"


async def test_it_stops_where_it_is_told_to(url: str) -> None:
    schema = {"type": "object", "properties": {"q": {"const": "x"}}, "required": ["q"]}
    body = {
        "model": "at-openai_chat",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": "Say anything."}],
        "stop_sequences": ['"q"'],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    async with httpx.AsyncClient(base_url=url) as http:
        answer = (await http.post("/v1/messages", json=body)).json()
    assert answer["content"][0]["text"].strip() == "{"


async def test_who_hangs_up_makes_room_for_the_next(url: str) -> None:
    body: dict[str, Any] = {"model": "at-openai_chat", "stream": True, "max_tokens": 1900}
    body["messages"] = [{"role": "user", "content": "Say anything."}]
    async with httpx.AsyncClient(base_url=url) as http:
        for _ in range(3):
            async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
                assert await anext(answer.aiter_lines())
        said = await http.post("/v1/chat/completions", json={**body, "stream": False, "max_tokens": 4})
    assert said.json()["usage"]["completion_tokens"] == 4
