"""Answers that have to fit a schema, through the whole gateway: the client's, and one that a rule expects."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import ask, lifespan
from tests.support.edge import JSON, Counting, Log, chat

from policyroute_asgi import Gateway, Router, gateway

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers:
  one: {dialect: openai_chat, base_url: "embedded:"}
  two: {dialect: anthropic, base_url: "embedded:"}
targets:
  broken: {provider: one, model: broken-schema}
  ok: {provider: two, model: ok}
rules:
  - id: enforced
    when: request.model == "enforced"
    route: [broken, ok]
    fallback: {after: {add: [schema_invalid]}}
  - id: alone
    when: request.model == "alone"
    route: [broken]
    fallback: {after: {add: [schema_invalid]}}
  - id: ranked
    when: request.model == "ranked"
    route: {targets: [broken, ok], rank: integrity}
    fallback: {after: {add: [schema_invalid]}}
  - id: expected
    when: request.model == "expected"
    route: [ok]
    expect: {schema: thing.schema.json}
  - id: held
    when: request.profile == "AGENT"
    hold: {schema: true}
  - id: flagged
    phase: response
    when: "!response.schema_valid"
    response_headers: {set: {x-fits: "no"}}
  - id: closed
    phase: response
    when: request.profile == "BATCH" && !response.schema_valid
    deny: {code: does_not_fit}
default: {route: [requested], fallback: {swap_delay: 0ms}}
"""
SCHEMA = {
    "type": "object",
    "properties": {"q": {"type": "string", "enum": ["x"]}},
    "required": ["q"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": SCHEMA}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "thing.schema.json").write_text(json.dumps({"type": "object", "required": ["z"]}))
    return tmp_path


@pytest.fixture
def router(folder: Path, upstream: Counting, log: Log) -> Router:
    return Router(folder, transport=upstream, log=log)


@pytest.fixture
async def app(router: Router) -> AsyncIterator[Gateway]:
    made = gateway(router)
    async with lifespan(made):
        yield made


async def asked(app: Gateway, model: str, *, profile: str = "CHAT", **fields: Any) -> Any:
    headers = [*JSON, ("x-router-profile", profile)]
    fields.setdefault("response_format", FORMAT)
    return await ask(app, "POST", "/v1/chat/completions", chat(model, **fields), headers)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_does_not_fit_is_mended_then_asked_for_elsewhere(
    app: Gateway, upstream: Counting, stream: bool
) -> None:
    answer = await asked(app, "enforced", profile="AGENT", stream=stream)
    assert answer.status == 200
    said = answer.body.decode()
    if stream:
        chunks = [json.loads(line[6:]) for line in said.splitlines() if line.startswith("data: {")]
        text = "".join(each["delta"].get("content") or "" for chunk in chunks for each in chunk["choices"])
    else:
        text = json.loads(said)["choices"][0]["message"]["content"]
    assert json.loads(text) == {"q": "x"}
    first, again, other = (json.loads(each.content) for each in upstream.requests)
    assert len(again["messages"]) == len(first["messages"]) + 2
    assert "not JSON" in again["messages"][-1]["content"]
    assert len(other["messages"]) == len(first["messages"]), "every attempt begins with what the client sent"


async def test_where_nobody_fits_the_client_is_told_where(app: Gateway) -> None:
    answer = await asked(app, "alone")
    assert answer.status == 502
    error = json.loads(answer.body)["error"]
    assert error["code"] == "schema_invalid"
    assert "$" in error["message"]


async def test_what_nobody_minds_is_given_and_told(app: Gateway, router: Router, log: Log) -> None:
    answer = await asked(app, "broken")
    assert (answer.status, answer.headers.get("x-fits")) == (200, "no")
    line = lines(router, log)[-1]
    assert (line["completed"], line["schema_intact"]) == (True, False)
    assert line["schema_hash"]


async def test_a_rule_may_expect_what_the_client_does_not(app: Gateway, upstream: Counting) -> None:
    answer = await asked(app, "expected", response_format={"type": "text"})
    assert answer.status == 502
    assert json.loads(answer.body)["error"]["code"] == "schema_invalid"
    assert len(upstream.requests) == 2
    assert b"required" not in upstream.requests[0].content, "it is not sent to the provider"


async def test_without_a_demand_nothing_is_checked(app: Gateway, router: Router, log: Log) -> None:
    answer = await asked(app, "ok", response_format={"type": "text"})
    assert (answer.status, answer.headers.get("x-fits")) == (200, None)
    assert lines(router, log)[-1]["schema_intact"] is None


def lines(router: Router, log: Log) -> list[dict[str, Any]]:
    router.services.telemetry.flush()
    return log.lines


async def test_where_nobody_can_tell_a_rule_that_denies_does(app: Gateway) -> None:
    """Its condition errs, and what denies fails closed."""
    unknown = {"type": "json_schema", "json_schema": {"name": "far", "schema": {"$ref": "https://example.com/a.json"}}}
    answer = await asked(app, "ok", profile="BATCH", response_format=unknown)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (500, "policy_error")


async def test_how_often_answers_fit_is_told(app: Gateway, router: Router, log: Log) -> None:
    far = {"type": "json_schema", "json_schema": {"name": "far", "schema": {"$ref": "https://example.com/a.json"}}}
    await asked(app, "enforced")
    await asked(app, "ok", response_format=far)
    await asked(app, "ok", response_format={"type": "text"})
    numbers = (await ask(app, "GET", "/metrics")).body.decode()
    told = {line for line in numbers.splitlines() if line.startswith("policyroute_schema_checks_total")}
    assert told == {
        'policyroute_schema_checks_total{provider="one",result="broken",target="broken"} 2.0',
        'policyroute_schema_checks_total{provider="two",result="intact",target="ok"} 1.0',
        'policyroute_schema_checks_total{provider="two",result="unchecked",target="ok"} 1.0',
    }
    page = json.loads((await ask(app, "GET", "/-/policy")).body)["integrity"]
    first = lines(router, log)[0]
    assert [each["schema_intact"] for each in first["attempts"]] == [False, False, True]
    assert page == [
        {"provider": "one", "model": "broken-schema", "schema": first["schema_hash"], "samples": 2.0, "intact": 0.0},
        {"provider": "two", "model": "ok", "schema": first["schema_hash"], "samples": 1.0, "intact": 1.0},
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_who_breaks_a_schema_is_asked_last_for_it_and_first_for_text(
    app: Gateway, upstream: Counting, stream: bool
) -> None:
    async def models(**fields: Any) -> list[str]:
        before = len(upstream.requests)
        await asked(app, "ranked", profile="AGENT", stream=stream, **fields)
        return [json.loads(each.content)["model"] for each in upstream.requests[before:]]

    for _ in range(3):  # each is asked once more to mend it
        assert (await models()) == ["broken-schema", "broken-schema", "ok"]
    assert (await models()) == ["ok"]
    assert (await models(response_format={"type": "text"})) == ["broken-schema"]
