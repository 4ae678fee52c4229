"""A failure domain that is down, as clients, rules and operators of a gateway see it. The clock is the test's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.asgi import ask, lifespan
from tests.support.edge import JSON, Counting, chat

from policyroute.health.breaker import ROW
from policyroute.health.domains import EVERY
from policyroute_asgi import Router, gateway

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers:
  demo: {dialect: openai_chat, base_url: "embedded:", region: eu, api_key: {env: POLICYROUTE_TEST_KEY}}
  away: {dialect: openai_chat, base_url: "embedded:", region: us, api_key: {env: POLICYROUTE_TEST_KEY}}
targets:
  first: {provider: demo, model: "500"}
  second: {provider: demo, model: garbage}
  spare: {provider: away, model: ok}
rules:
  - {id: told, when: 'targets["first"].health.domain_down', response_headers: {set: {x-down: "yes"}}}
  - {id: only, when: request.model == "only", route: [first, second]}
default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}
"""


async def test_clients_are_told_at_once_in_their_own_dialect(
    policies: Path, upstream: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    (policies / "policy.yaml").write_text(POLICY)
    router = Router(policies, log=None, transport=upstream)
    now = 1000.0
    router.services.telemetry.resting.clock = lambda: now
    app = gateway(router)
    async with lifespan(app):
        for _ in range(ROW + 1):
            now += EVERY + 30.0
            for name in ("first", "second", "spare"):
                await ask(app, "POST", "/v1/chat/completions", chat(name), JSON)
        before = len(upstream.requests)
        failed = await ask(app, "POST", "/v1/chat/completions", chat("only"), JSON)
        assert failed.status == 503 and int(failed.headers["retry-after"]) <= 31
        error = json.loads(failed.body)["error"]
        assert error["code"] == "domain_down" and "Ask again later" in error["message"]
        messages = {"model": "only", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
        other = await ask(app, "POST", "/v1/messages", json.dumps(messages).encode(), JSON)
        assert other.status == 503 and json.loads(other.body)["type"] == "error"
        assert len(upstream.requests) == before
        well = await ask(app, "POST", "/v1/chat/completions", chat("spare"), JSON)
        assert (well.status, well.headers.get("x-down")) == (200, "yes")
        numbers = (await ask(app, "GET", "/metrics")).body.decode()
        assert 'policyroute_domain_down{tag="provider",value="demo"} 1.0' in numbers
    said = [each.getMessage() for each in caplog.records if "left alone" in each.getMessage()]
    assert said == ["provider demo is down, and left alone: first at demo, second at demo"]
