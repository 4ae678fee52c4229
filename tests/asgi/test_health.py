"""What rules and the operator see of a target that goes on failing, through a gateway and a reload."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.asgi import ask, lifespan
from tests.support.edge import JSON, Counting, chat

from policyroute.health.breaker import ROW
from policyroute_asgi import Gateway, PolicyHolder, gateway
from policyroute_asgi.preparation import Preparation

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"

POLICY = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:", region: eu, api_key: {env: POLICYROUTE_TEST_KEY}}}
targets: {first: {provider: demo, model: "500"}, spare: {provider: demo, model: ok}}
rules:
  - {id: down, when: 'targets["first"].health.state != "closed"', route: [spare]}
default: {route: [first], fallback: {retries: 0}}
"""


async def states(app: Gateway) -> dict[str, str]:
    numbers = (await ask(app, "GET", "/metrics")).body.decode()
    found = re.findall(r'policyroute_target_state{provider="demo",state="(\w+)",target="(\w+)"} 1.0', numbers)
    return {target: state for state, target in found}


async def test_a_rule_and_the_metrics_see_it_and_a_reload_that_renames_it_changes_nothing(
    policies: Path, upstream: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    (policies / "policy.yaml").write_text(POLICY)
    holder = PolicyHolder(Preparation(policies), watch=False)
    app = gateway(holder, log=None, transport=upstream)
    async with lifespan(app):
        assert await states(app) == {"first": "closed", "spare": "closed"}
        for _ in range(ROW):
            assert (await ask(app, "POST", CHAT, chat("auto"), JSON)).status == 502
        assert await states(app) == {"first": "open", "spare": "closed"}
        (policies / "policy.yaml").write_text(POLICY.replace("first", "renamed"))
        await holder.reload()
        assert await states(app) == {"renamed": "open", "spare": "closed"}
        assert (await ask(app, "POST", CHAT, chat("auto"), JSON)).status == 200
    await holder.aclose()
    [said] = [each.getMessage() for each in caplog.records if each.name == "policyroute.health"]
    assert said.startswith("circuit of first at demo open for 1")
