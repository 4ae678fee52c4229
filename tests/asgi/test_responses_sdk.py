"""The `openai` SDK sees OpenAI's Responses: answers, tools, streams, swaps, exceptions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

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
  here: {dialect: openai_responses, base_url: "embedded:"}
  there: {dialect: openai_responses, base_url: "embedded:"}
  chat: {dialect: openai_chat, base_url: "embedded:"}
targets:
  ok: {provider: here, model: gpt-ok}
  spare: {provider: there, model: gpt-spare}
  throttle: {provider: here, model: throttle-7s}
  overloaded: {provider: here, model: overloaded}
  empty: {provider: here, model: empty}
  no-finish: {provider: here, model: no-finish-0}
  auth: {provider: here, model: auth}
  cut: {provider: here, model: cut}
  no-done: {provider: here, model: no-done}
  refuse: {provider: here, model: refuse}
  chat: {provider: chat, model: ok}
rules:
  - {id: swap, when: request.model == "swap", route: [throttle, overloaded, empty, no-finish, spare]}
  - {id: stay, when: request.model == "stay", route: [overloaded, spare]}
  - {id: house, transform: {system: {append: Be brief.}}}
default: {route: [requested], fallback: {retries: 0, max_swaps: 9, max_attempts: 9, swap_delay: 0ms}}
"""


@pytest.fixture
async def url(tmp_path: Path, log: Log) -> AsyncIterator[str]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    async with serving(gateway(tmp_path, log=log)) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        yield client


async def asked(client: openai.AsyncOpenAI, model: str, **more: Any) -> Any:
    create: Any = client.responses.create
    return await create(**{"model": model, "input": PROMPT, **more})


async def final(client: openai.AsyncOpenAI, model: str, **more: Any) -> Any:
    streaming: Any = client.responses.stream
    async with streaming(**{"model": model, "input": PROMPT, **more}) as stream:
        return await stream.get_final_response()


async def test_a_swap_is_invisible(client: openai.AsyncOpenAI) -> None:
    for answer in (await asked(client, "swap"), await final(client, "swap")):
        assert (answer.output_text, answer.status) == (f"gpt-spare says: {PROMPT}", "completed")
        assert (answer.model, answer.instructions) == ("gpt-spare", "Be brief.")
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 9)  # the house's words included


async def test_headers_say_what_was_done(client: openai.AsyncOpenAI) -> None:
    raw = await client.responses.with_raw_response.create(model="swap", input=PROMPT)
    assert (raw.headers["x-policyroute-target"], raw.headers["x-policyroute-attempts"]) == ("spare", "5")


async def test_a_stream_is_the_providers_event_by_event(client: openai.AsyncOpenAI) -> None:
    events = [event async for event in await asked(client, "ok", stream=True)]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text == f"gpt-ok says: {PROMPT}"


async def test_a_turn_with_a_tool(client: openai.AsyncOpenAI) -> None:
    weather = {
        "type": "function",
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    said: list[Any] = [{"role": "user", "content": PROMPT}]
    for ask in (asked, final):
        first = await ask(client, "ok", input=said, tools=[weather], tool_choice="required")
        (call,) = first.output
        assert (call.type, call.name) == ("function_call", "weather")
        assert json.loads(call.arguments) == {"city": ""}
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."}
        given = [*said, call.model_dump(exclude_none=True, exclude={"parsed_arguments"}), result]
        assert (await ask(client, "ok", input=given, tools=[weather])).output_text == f"gpt-ok says: {PROMPT}"


async def test_a_refusal_is_an_answer(client: openai.AsyncOpenAI) -> None:
    for answer in (await asked(client, "refuse"), await final(client, "refuse")):
        assert answer.output[0].content[0].type == "refusal"


@pytest.mark.parametrize(
    ("model", "raised", "code"),
    [
        ("throttle", openai.RateLimitError, "rate_limited"),
        ("overloaded", openai.InternalServerError, "overloaded"),
        ("auth", openai.InternalServerError, "upstream_auth"),
        ("empty", openai.InternalServerError, "empty"),
        ("nothing-serves-this", openai.NotFoundError, "model_not_found"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_raise_its_own_exceptions(
    client: openai.AsyncOpenAI, model: str, raised: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    with pytest.raises(raised) as caught:
        await asked(client, model, stream=stream)
    assert caught.value.code == code
    assert caught.value.response.headers.get("retry-after") == ("7" if model == "throttle" else None)


@pytest.mark.parametrize("model", ["cut", "no-done"])
async def test_a_stream_that_breaks_raises_after_what_came(client: openai.AsyncOpenAI, model: str) -> None:
    text = ""
    with pytest.raises(openai.APIError) as caught:
        async for event in await asked(client, model, stream=True):
            text += event.delta if event.type == "response.output_text.delta" else ""
            assert event.type != "response.completed"
    assert caught.value.code == "stream_broken"
    assert text.startswith(f"{model} says: ")


async def test_what_an_account_keeps_is_asked_for_nowhere_else(client: openai.AsyncOpenAI) -> None:
    assert (await asked(client, "stay")).model == "gpt-spare"
    for kept in ({"previous_response_id": "resp_1"}, {"input": [{"type": "item_reference", "id": "msg_1"}]}):
        with pytest.raises(openai.InternalServerError) as caught:
            await asked(client, "stay", **kept)
        assert caught.value.code == "overloaded"


POOLED = """
version: 1
providers: {here: {dialect: openai_responses, base_url: "embedded:", api_keys: [{env: KEY_A}, {env: KEY_B}]}}
targets: {flaky: {provider: here, model: 500-once}}
default: {route: [requested], fallback: {retries: 1, swap_delay: 0ms}}
"""


async def test_what_an_account_keeps_is_asked_for_with_one_key(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_A", "sk-a-0123456789")
    monkeypatch.setenv("KEY_B", "sk-b-0123456789")
    (tmp_path / "policy.yaml").write_text(POOLED)
    async with (
        serving(gateway(tmp_path, log=log)) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client,
    ):
        # The provider fails once for each key: whoever goes on with the same one is answered.
        assert (await asked(client, "flaky", input="kept", previous_response_id="resp_1")).status == "completed"
        with pytest.raises(openai.InternalServerError):
            await asked(client, "flaky", input="whole")


async def test_a_provider_of_another_dialect_answers_what_no_account_has_to_keep(client: openai.AsyncOpenAI) -> None:
    assert (await asked(client, "chat")).output_text.startswith("ok says: ")
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await asked(client, "chat", previous_response_id="resp_1")
    assert caught.value.code == "no_eligible_target"


async def test_a_bad_request_names_the_field(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await asked(client, "ok", input=[{"role": "user", "content": "x"}, {"role": "boss", "content": "y"}])
    assert (caught.value.code, caught.value.param) == ("invalid_role", "input[1].role")


async def test_what_was_kept_is_not_served(client: openai.AsyncOpenAI, url: str) -> None:
    for asking in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError) as caught:
            await asking("resp_1")
        assert caught.value.code == "not_served"
    async with httpx.AsyncClient(base_url=url) as http:
        assert (await http.get("/v1/responses")).status_code == 405


async def test_the_sdk_of_an_app_is_served_in_process(tmp_path: Path, log: Log) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    async with (
        Router(tmp_path, log=log) as router,
        openai.AsyncOpenAI(
            api_key="unused", http_client=router.httpx2_client(client={"id": "job"}), max_retries=0
        ) as client,
    ):
        assert (await final(client, "swap")).output_text == f"gpt-spare says: {PROMPT}"
    assert [(line["client"], line["outcome"]) for line in log.lines] == [("job", "ok")]
