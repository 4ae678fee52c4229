"""A refusal in plain text, through the whole gateway: who gets another model's answer, and who the refusal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.asgi import ask, lifespan
from tests.support.edge import JSON, Counting, Log, chat

from policyroute_asgi import Gateway, gateway

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"
POLICY = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:"}}
targets: {ok: {provider: demo, model: ok}, other: {provider: demo, model: ok-other}}
refusals: {phrases: ["OK says:"]}
rules:
  - id: answered
    when: request.profile == "AGENT"
    fallback: {after: {add: [refused]}, swap_delay: 0ms}
  - id: alone
    when: request.model == "ok"
    route: [ok]
default: {route: [ok, other]}
"""
AGENT = [*JSON, ("x-router-profile", "AGENT")]


@pytest.fixture
async def app(tmp_path: Path, log: Log) -> AsyncIterator[Gateway]:
    (tmp_path / "main.yaml").write_text(POLICY)
    app = gateway(tmp_path, log=log, transport=Counting())
    async with lifespan(app):
        yield app


@pytest.mark.parametrize("stream", [False, True])
async def test_another_model_answers_where_a_rule_says_so(app: Gateway, stream: bool) -> None:
    answer = await ask(app, "POST", CHAT, chat("auto", stream=stream), AGENT)
    assert answer.status == 200
    assert answer.headers["x-policyroute-target"] == "other"
    assert b'"model":"ok"' not in answer.body.replace(b" ", b"")
    assert answer.headers["x-policyroute-attempts"] == "2"


@pytest.mark.parametrize("stream", [False, True])
async def test_elsewhere_the_phrases_count_for_nothing(app: Gateway, stream: bool) -> None:
    answer = await ask(app, "POST", CHAT, chat("auto", stream=stream), JSON)
    assert (answer.status, answer.headers["x-policyroute-target"]) == (200, "ok")


async def test_where_nobody_else_is_there_the_client_is_told(app: Gateway) -> None:
    answer = await ask(app, "POST", CHAT, chat("ok", stream=True), AGENT)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "refused")
