"""What an operator sees: health, readiness through a failed reload and a shutdown, metrics, the policy in use."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import Call, ask, call, http_scope, lifespan
from tests.support.edge import JSON, POLICY, Counting, Log, chat

from policyroute_asgi import Gateway, PolicyHolder, gateway
from policyroute_asgi.preparation import Preparation

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"


async def page(app: Gateway, path: str) -> tuple[int, dict[str, Any]]:
    answer = await ask(app, "GET", path)
    return answer.status, json.loads(answer.body)


async def test_health_and_readiness(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream)
    assert await page(app, "/healthz") == (200, {"ok": True})
    assert await page(app, "/readyz") == (503, {"ready": False, "policy": "none"})
    async with lifespan(app):
        status, ready = await page(app, "/readyz")
        assert (status, ready["ready"], ready["policy"]) == (200, True, "current")
        assert (await ask(app, "HEAD", "/readyz")).body == b""


async def test_a_failed_reload_stays_ready_and_is_told_everywhere(
    policies: Path, upstream: Counting, secret: str
) -> None:
    holder = PolicyHolder(Preparation(policies), watch=False)
    app = gateway(holder, log=None, transport=upstream)
    async with lifespan(app):
        before = (await page(app, "/-/policy"))[1]
        (policies / "policy.yaml").write_text(POLICY.replace("version: 1", "version: 1\nsecrets: {a: b}"))
        await holder.reload()
        status, ready = await page(app, "/readyz")
        assert (status, ready["ready"], ready["policy"]) == (200, True, "stale")
        told = (await page(app, "/-/policy"))[1]
        assert told["policy"] == "stale"
        assert told["revision"] == before["revision"] == ready["revision"]
        assert told["problems"][0]["file"] == "policy.yaml"
        numbers = (await ask(app, "GET", "/metrics")).body.decode()
        assert "policyroute_policy_in_sync 0.0" in numbers
        assert 'policyroute_reloads_total{outcome="refused"} 1.0' in numbers
        assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200

        (policies / "policy.yaml").write_text(POLICY + "# mended\n")
        await holder.reload()
        assert (await page(app, "/readyz"))[1]["policy"] == "current"
        assert "policyroute_policy_in_sync 1.0" in (await ask(app, "GET", "/metrics")).body.decode()
    await holder.aclose()


async def test_a_broken_policy_fails_the_startup_with_every_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nprovidres: {}\n")
    app = gateway(tmp_path, log=None)
    with pytest.raises(RuntimeError, match=r"a\.yaml:2:1.*providres"):
        async with lifespan(app):
            pass
    answer = await ask(app, "POST", CHAT, chat("ok"), JSON)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (503, "policy_unavailable")


async def test_a_start_from_the_last_good_policy_says_so(policies: Path, upstream: Counting, tmp_path: Path) -> None:
    async with lifespan(gateway(policies, log=None, transport=upstream, state_dir=tmp_path / "state")):
        pass
    (policies / "policy.yaml").write_text("version: 2\n")
    again = gateway(policies, log=None, transport=upstream, state_dir=tmp_path / "state")
    async with lifespan(again):
        assert (await page(again, "/readyz"))[1]["policy"] == "last_good"
        assert (await ask(again, "POST", CHAT, chat("ok"), JSON)).status == 200
    strict = gateway(policies, log=None, state_dir=tmp_path / "state", strict_start=True)
    with pytest.raises(RuntimeError, match=r"policy\.yaml:1:10"):
        async with lifespan(strict):
            pass


async def test_shutdown_waits_for_open_streams_and_is_not_ready_meanwhile(
    policies: Path, upstream: Counting, log: Log
) -> None:
    app = gateway(policies, log=log, transport=upstream)
    async with lifespan(app):
        stream = call(app, "POST", CHAT, chat("stall", stream=True), JSON)
        await stream.next()
        closing = asyncio.ensure_future(app.aclose())
        await asyncio.sleep(0)
        status, ready = await page(app, "/readyz")
        assert (status, ready["draining"]) == (503, True)
        assert not closing.done()
        stream.hang_up()
        await stream.finish()
        await asyncio.wait_for(closing, 5)
    assert [line["outcome"] for line in log.lines] == ["client_closed"]


async def test_drain_only_says_so(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream)
    async with lifespan(app):
        app.drain()
        assert (await page(app, "/readyz"))[0] == 503
        assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200


async def test_mounted_in_another_app(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream)
    scope = http_scope("GET", "/llm/healthz")
    scope["root_path"] = "/llm"
    assert (await Call(app, scope, []).finish()).status == 200


async def test_who_rests_is_told_until_it_does_not(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream)
    async with lifespan(app):
        assert (await page(app, "/-/policy"))[1]["cooling"] == []
        assert (await ask(app, "POST", "/v1/chat/completions", chat("swap"), JSON)).status == 200
        [told] = (await page(app, "/-/policy"))[1]["cooling"]
        assert (told["target"], told["provider"], told["reason"]) == ("throttle", "demo", "rate_limited")
        assert 0 < told["seconds"] <= 7
        numbers = (await ask(app, "GET", "/metrics")).body.decode()
        assert 'policyroute_cooling{provider="demo",reason="rate_limited",target="throttle"} 1.0' in numbers
        asked = len(upstream.requests)
        assert (await ask(app, "POST", "/v1/chat/completions", chat("swap"), JSON)).status == 200
        assert len(upstream.requests) == asked + 1  # who rests is passed over
