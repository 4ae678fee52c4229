"""The `google-genai` SDK sees its vendor's endpoint: swaps, streams, tools, exceptions, the list of models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types
from tests.support.asgi import serving
from tests.support.canaries import PROMPT
from tests.support.edge import Log

from policyroute_asgi import gateway

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # the SDK's own
]

POLICY = """
version: 1
providers:
  google: {dialect: gemini, base_url: "embedded:"}
targets:
  ok: {provider: google, model: gemini-ok}
  tunedModels/mine: {provider: google, model: tunedModels/mine}
  throttle: {provider: google, model: throttle-7s}
  quota: {provider: google, model: quota}
  overloaded: {provider: google, model: overloaded}
  auth: {provider: google, model: auth}
  cut: {provider: google, model: cut}
  no-finish: {provider: google, model: no-finish}
  refuse: {provider: google, model: refuse}
  broken: {provider: google, model: broken-schema}
rules:
  - {id: swap, when: request.model == "swap", route: [throttle, overloaded, ok]}
  - id: swap-broken
    when: request.model == "swap-broken"
    route: [broken, ok]
    fallback: {after: {add: [schema_invalid]}}
  - {id: house, transform: {system: {append: Be brief.}, default: {max_tokens: 50}}}
default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}
"""
HI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}


@pytest.fixture
async def url(tmp_path: Path, log: Log) -> AsyncIterator[str]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    async with serving(gateway(tmp_path, log=log)) as url:
        yield url


@pytest.fixture(params=[None, "v1beta"])
async def google(url: str, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """With the version of the API that it asks for by itself, and with the older one."""
    options = types.HttpOptions(base_url=url, api_version=request.param)
    client = genai.Client(api_key="unused", http_options=options)
    async with client.aio as served:
        yield served.models


async def asked(google: Any, model: str, **config: Any) -> Any:
    return await google.generate_content(model=model, contents=PROMPT, config=config or None)


async def streamed(google: Any, model: str, **config: Any) -> list[Any]:
    found = await google.generate_content_stream(model=model, contents=PROMPT, config=config or None)
    return [chunk async for chunk in found]


async def test_a_swap_is_invisible(google: Any) -> None:
    whole = await asked(google, "swap", system_instruction="Be kind.")
    chunks = await streamed(google, "swap", system_instruction="Be kind.")
    said = f"gemini-ok says: {PROMPT}"
    assert whole.text == "".join(chunk.text or "" for chunk in chunks) == said
    assert len(chunks) > 3
    for last in (whole, chunks[-1]):
        assert (last.candidates[0].finish_reason, last.model_version) == (types.FinishReason.STOP, "gemini-ok")
        assert (last.usage_metadata.prompt_token_count, last.usage_metadata.candidates_token_count) == (13, 9)


async def test_a_tuned_model_is_asked_for_in_its_own_collection(google: Any) -> None:
    assert (await asked(google, "tunedModels/mine")).text == f"tunedModels/mine says: {PROMPT}"


SCHEMA = types.Schema(type=types.Type.OBJECT, properties={"q": types.Schema(type=types.Type.STRING, enum=["x"])})
TOOLS = [types.Tool(function_declarations=[types.FunctionDeclaration(name="look", parameters=SCHEMA)])]
CALL: dict[str, Any] = {
    "tools": TOOLS,
    "tool_config": types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
    ),
    "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
}


async def test_tools_are_called(google: Any) -> None:
    whole = await asked(google, "ok", **CALL)
    chunks = await streamed(google, "ok", **CALL)
    answers: list[Any] = [whole, *chunks]
    called: list[Any] = [call for one in answers for call in one.function_calls or ()]
    assert [(call.name, call.args) for call in called] == [("look", {})] * 2


async def test_a_malformed_call_is_an_error_that_a_rule_may_swap_away(google: Any) -> None:
    call = {**CALL, "tools": [{"function_declarations": [{"name": "look", "parameters": NEEDED}]}]}
    with pytest.raises(errors.ServerError) as caught:
        await asked(google, "broken", **call)
    assert reason(caught.value) == "schema_invalid"
    calls = (await asked(google, "swap-broken", **call)).function_calls
    assert [(found.name, found.args) for found in calls] == [("look", {"q": "x"})]


NEEDED = {"type": "OBJECT", "properties": {"q": {"type": "STRING", "enum": ["x"]}}, "required": ["q"]}


async def test_json_is_answered_as_its_schema_says(google: Any) -> None:
    answered = await asked(google, "ok", response_mime_type="application/json", response_schema=NEEDED)
    assert answered.parsed == {"q": "x"}


def reason(error: errors.APIError) -> Any:
    told: Any = vars(error)["details"]
    return told["error"]["details"][0]["reason"]


@pytest.mark.parametrize(
    ("model", "raised", "told"),
    [
        ("throttle", errors.ClientError, ("RESOURCE_EXHAUSTED", "rate_limited")),
        ("quota", errors.ClientError, ("RESOURCE_EXHAUSTED", "quota_exhausted")),
        ("overloaded", errors.ServerError, ("UNAVAILABLE", "overloaded")),
        ("auth", errors.ServerError, ("UNAVAILABLE", "upstream_auth")),
        ("nothing-serves-this", errors.ClientError, ("NOT_FOUND", "model_not_found")),
    ],
)
@pytest.mark.parametrize("ask", [asked, streamed])
async def test_errors_raise_its_own_exceptions(
    google: Any, model: str, raised: type[errors.APIError], told: tuple[str, str], ask: Any
) -> None:
    with pytest.raises(raised) as caught:
        await ask(google, model)
    assert (caught.value.status, reason(caught.value)) == told


@pytest.mark.parametrize("model", ["cut", "no-finish"])
async def test_a_stream_that_breaks_raises_after_what_came(google: Any, model: str) -> None:
    text = ""
    with pytest.raises(errors.APIError) as caught:
        async for chunk in await google.generate_content_stream(model=model, contents=PROMPT):
            text += chunk.text or ""
    assert reason(caught.value) == "stream_broken"
    assert text.startswith(f"{model} says: ")


async def test_what_a_filter_withholds_is_an_answer(google: Any) -> None:
    for answered in (await asked(google, "refuse"), (await streamed(google, "refuse"))[-1]):
        assert answered.candidates[0].finish_reason is types.FinishReason.SAFETY


async def test_the_models_are_listed_and_described(google: Any) -> None:
    listed = [model.name async for model in await google.list()]
    assert "models/ok" in listed
    described = await google.get(model="ok")
    assert (described.name, described.supported_actions) == ("models/ok", ["generateContent"])
    with pytest.raises(errors.ClientError):
        await google.get(model="unheard-of")


async def test_only_what_is_served_is_served(url: str) -> None:
    async with httpx.AsyncClient(base_url=f"{url}/v1beta/models") as http:
        answers = {
            path: (await http.post(path, json=HI)).json()["error"]
            for path in ("/ok:streamGenerateContent", "/ok:predict", "/ok:embedContent", "/ok:nothing")
        }
        wrong = (await http.get("/ok:generateContent")).json()["error"]
    found = {path: (error["code"], error["details"][0]["reason"]) for path, error in answers.items()}
    assert found == {
        "/ok:streamGenerateContent": (400, "unsupported_stream"),
        "/ok:predict": (404, "not_served"),
        "/ok:embedContent": (404, "not_served"),
        "/ok:nothing": (405, "method_not_allowed"),
    }
    assert wrong["code"] == 405
    assert "?alt=sse" in answers["/ok:streamGenerateContent"]["message"]


COUNTED = """
version: 1
providers:
  google: {dialect: gemini, base_url: "embedded:"}
  openai: {dialect: openai_chat, base_url: "embedded:"}
targets:
  ok: {provider: google, model: gemini-ok}
  busy: {provider: google, model: overloaded}
  gpt: {provider: openai, model: ok}
rules:
  - {id: nobody, when: request.model == "forbidden" && request.operation == "count_tokens", deny: {code: not_here}}
  - {id: to-openai, when: request.model == "elsewhere", route: [gpt]}
  - {id: house, transform: {system: {append: Be brief.}, default: {max_tokens: 50}}}
default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}
"""


async def test_tokens_are_counted_by_a_provider_or_else_estimated(tmp_path: Path, log: Log) -> None:
    (tmp_path / "policy.yaml").write_text(COUNTED)
    async with serving(gateway(tmp_path, log=log)) as url:
        client = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=url))
        async with client.aio as served:
            models: Any = served.models
            found = {
                model: await models.count_tokens(model=model, contents="Hello") for model in ("ok", "busy", "elsewhere")
            }
            assert {model: answer.total_tokens for model, answer in found.items()} == dict.fromkeys(found, 2)
            with pytest.raises(errors.ClientError, match="not_here") as refused:
                await models.count_tokens(model="forbidden", contents="Hello")
            assert refused.value.code == 403
    told: list[Any] = [answer.sdk_http_response for answer in found.values()]
    assert [each.headers.get("x-policyroute-adapted") for each in told] == [None, "estimated", "estimated"]


async def test_what_is_not_read_in_a_count_is_refused_by_name(url: str) -> None:
    async with httpx.AsyncClient() as client:
        whole = {"generateContentRequest": {"model": "models/ok", **HI}}
        answer = await client.post(f"{url}/v1beta/models/ok:countTokens", json=whole)
        embedding = await client.post(f"{url}/v1beta/models/ok:embedContent", json={"content": HI["contents"][0]})
    assert (answer.status_code, embedding.status_code) == (400, 404)
    assert "generateContentRequest" in answer.json()["error"]["message"]
    assert embedding.json()["error"]["status"] == "NOT_FOUND"
