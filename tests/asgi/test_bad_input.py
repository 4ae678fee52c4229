"""Requests with something wrong in them, through the gateway to providers of every dialect: answered, or refused in the
client's own dialect; never a 500, and no provider is sent what it cannot read."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.asgi import serving
from tests.support.edge import Log
from tests.support.mutated import mutated

from policyroute.dialects import DIALECTS
from policyroute.failures import FailureKind
from policyroute_asgi import gateway

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "docs" / "translation"
MANY = 40
"""How many of each dialect are drawn."""
FACTS = """request.messages.exists(m, m.has_image && m.text == "" && m.tool_calls.size() > 9)
    || request.tools.exists(t, t.name == "none" && t.description == "") || request.modalities.size() > 9
    || request.system == "none" || request.last_user == "none" || request.input_tokens > 99999999
    || "none" in request.metadata || request.params.size() > 99"""
"""Asks for everything there is, and does not hold."""


def policy() -> str:
    lines = ["version: 1", "providers:"]
    lines += [f'  {name}: {{dialect: {name}, base_url: "embedded:"}}' for name in DIALECTS]
    lines += ["targets:", *(f"  {name}: {{provider: {name}, model: m}}" for name in DIALECTS)]
    lines += ["rules:", f"  - {{id: facts, when: '{' '.join(FACTS.split())}', deny: {{status: 403, code: none}}}}"]
    lines += [
        f'  - {{id: {name}, when: \'request.headers["x-to"] == "{name}"\', route: [{name}]}}' for name in DIALECTS
    ]
    return "\n".join([*lines, "default: {route: [openai_chat], fallback: {retries: 0}}"])


@pytest.fixture
async def served(tmp_path: Path, log: Log) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "policy.yaml").write_text(policy())
    async with serving(gateway(tmp_path, log=log)) as url, httpx.AsyncClient(base_url=url) as http:
        yield http
    attempts = [attempt for line in log.lines for attempt in line["attempts"]]
    assert [attempt for attempt in attempts if attempt["outcome"] != "ok"] == []


async def told(http: httpx.AsyncClient, client: str, provider: str, body: bytes) -> int:
    dialect = DIALECTS[client]
    version = "/v1beta" if client == "gemini" else "/v1"
    path = f"{version}{dialect.endpoint('m', False)}"
    answer = await http.post(path, content=body, headers={"x-to": provider, "content-type": "application/json"})
    if answer.status_code == 200:
        return 200
    failure = dialect.failure(answer.status_code, dict(answer.headers), answer.content, 0.0)
    assert failure.message
    if answer.status_code != 403 or "ruled out by" not in failure.message:
        assert answer.status_code in (400, 413, 422), (client, provider, answer.text, body)
        assert failure.kind is FailureKind.INVALID_REQUEST
    return answer.status_code


@pytest.mark.parametrize("client", DIALECTS)
async def test_what_is_drawn_at_random(served: httpx.AsyncClient, client: str) -> None:
    dice = random.Random(client)
    whole = json.loads((EXAMPLES / f"{client}.json").read_bytes())
    found = set[int]()
    for _ in range(MANY):
        body = json.dumps(mutated(whole, dice, dice.choice((1, 1, 2, 4)))).encode()
        found |= {await told(served, client, provider, body) for provider in DIALECTS}
    assert found >= {200, 400}


ENDS = {"openai_chat": "messages", "openai_responses": "input", "anthropic": "messages", "gemini": "contents"}


@pytest.mark.parametrize("client", DIALECTS)
async def test_the_worst_of_bodies(served: httpx.AsyncClient, client: str) -> None:
    whole: dict[str, Any] = json.loads((EXAMPLES / f"{client}.json").read_bytes())
    turns = ENDS[client]
    deep = b'{"a":' * 100 + b"1" + b"}" * 100
    worst = [
        b"",
        b"null",
        b"[]",
        b"{",
        b'"' + b"x" * 10_000,
        b"\xff\xfe{}",
        json.dumps(whole).encode()[:-1],
        json.dumps(whole).encode() + b"}",
        json.dumps(whole).encode("utf-16"),
        json.dumps({**whole, turns: float("nan")}).encode(),
        json.dumps({**whole, turns: []}).encode(),
        json.dumps({**whole, turns: {}}).encode(),
        json.dumps({**whole, turns: [None]}).encode(),
        json.dumps({**whole, turns: [[]]}).encode(),
        json.dumps({**whole, turns: "\ud800"}).encode(),
        json.dumps({**whole, turns: [{"role": "god", "content": "x", "parts": []}]}).encode(),
        json.dumps({**whole, turns: [{"role": {}, "content": 3, "parts": 3}]}).encode(),
        json.dumps({**whole, "tools": "look"}).encode(),
        b'{"model": "m", "%b": %b}' % (turns.encode(), deep),
        b'{"model": "m", "%b": %b}' % (turns.encode(), b"[" * 100_000),
    ]
    for body in worst:
        for provider in DIALECTS:
            assert await told(served, client, provider, body) == 400, body[:80]
