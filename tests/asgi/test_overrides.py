"""What an operator says by hand reaches requests that are under way, moves conversations, and is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.conversing import POLICY, Conversing
from tests.support.echoing import Echo, Echoes
from tests.support.edge import Log

from policyroute.decide.overrides import Override
from policyroute_asgi import ANONYMOUS, PolicyRouteMiddleware, Router, overrides
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.preparation import Preparation

pytestmark = pytest.mark.anyio
PATIENCE = 20.0
NEVER = 3600.0


class Operator:
    """Says something, and returns when the gateway has heard it."""

    def __init__(self, state: Path, holder: PolicyHolder) -> None:
        self._state = state
        self._heard = asyncio.Event()
        holder.on_overridden(lambda known: self._heard.set())

    async def says(self, action: Any, name: str, reason: str = "") -> None:
        now = time.time()
        await self._do(lambda: overrides.put(self._state, Override(name, action, reason, now, now + 60)))

    async def clears(self) -> None:
        await self._do(lambda: overrides.clear(self._state, None, time.time()))

    async def _do(self, change: Callable[[], object]) -> None:
        self._heard.clear()
        await asyncio.to_thread(change)
        async with asyncio.timeout(PATIENCE):
            await self._heard.wait()


class Interrupted(Echoes):
    """While the first request is at its first provider, an operator says something; then that provider fails."""

    operator: Operator
    says: tuple[str, str] | None = None
    asked: list[str]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.host)
        if self.says is not None:
            (action, name), self.says = self.says, None
            await self.operator.says(action, name)
            return httpx.Response(500, json={"error": {"message": "down"}})
        return await super().handle_async_request(request)


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """The app behind the middleware: it is never asked."""
    raise AssertionError(scope["path"])


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[tuple[Conversing, Interrupted, Operator]]:
    """Through the middleware, and an operator with the same state directory."""
    (folder / "policies").mkdir()
    (folder / "policies" / "policy.yaml").write_text(POLICY.replace("retries: 1", "retries: 0"))
    providers = Interrupted(home=Echo(), away=Echo(), far=Echo("anthropic"))
    providers.asked = []
    log = Log()
    holder = PolicyHolder(Preparation(folder / "policies", folder / "state"), heartbeat=NEVER)
    await holder.start()
    try:
        providers.operator = operator = Operator(folder / "state", holder)
        async with Router(holder, transport=providers, log=log, state_dir=folder / "state") as router:
            app = PolicyRouteMiddleware(nothing, router, client=ANONYMOUS, expose="full")
            way = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=way, base_url="http://gateway") as client:
                yield Conversing(router, client, log), providers, operator
    finally:
        await holder.aclose()


async def test_who_would_be_next_is_not_asked_once_it_is_drained(tmp_path: Path) -> None:
    async with served(tmp_path) as (client, providers, _):
        providers.says = ("drain", "away")
        assert await client.served(name="") == "three"
        assert providers.asked == ["home", "far"]
    (line,) = client.log.lines
    assert line["overrides"] == [{"action": "drain", "name": "away", "reason": ""}]
    assert [each["code"] for each in line["skipped"]] == ["drained"]


async def test_who_is_to_be_used_is_asked_next(tmp_path: Path) -> None:
    async with served(tmp_path) as (client, providers, _):
        providers.says = ("use", "three")
        assert await client.served(name="") == "three"
        assert providers.asked == ["home", "far"]
    (line,) = client.log.lines
    assert line["overrides"] == [{"action": "use", "name": "three", "reason": ""}]
    assert line["skipped"] == []


async def test_where_all_others_are_drained_meanwhile_the_failure_is_told(tmp_path: Path) -> None:
    async with served(tmp_path) as (client, providers, operator):
        await operator.says("drain", "three")
        providers.says = ("drain", "away")
        answer = await client.ask("Hello.")
        assert (answer.status_code, providers.asked) == (502, ["home"])


async def test_a_conversation_moves_for_an_override_and_says_so(tmp_path: Path) -> None:
    async with served(tmp_path) as (client, _, operator):
        assert await client.served() == "one"
        await operator.says("use", "two", "one is slow")
        assert await client.served() == "two"
        await operator.says("drain", "away")
        assert await client.served() == "one"
        await operator.clears()
        assert await client.served() == "one"
    said = [answer.headers["x-policyroute-session"].partition("; ")[2] for answer in client.answers]
    assert said == ["pin=new", "pin=moved; why=override", "pin=moved; why=drained", "pin=kept"]
    assert [line["session"]["moved"] for line in client.log.lines] == [None, "override", "drained", None]
    told = [[each["name"] for each in line["overrides"]] for line in client.log.lines]
    assert told == [[], ["two"], ["away"], []]


async def test_a_client_is_told_that_it_may_come_back_and_not_why(tmp_path: Path) -> None:
    async with served(tmp_path) as (client, providers, operator):
        for name in ("home", "away", "far"):
            await operator.says("drain", name, "a secret deal")
        answer = await client.ask("Hello.", name="")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "drained")
        assert answer.headers["x-should-retry"] == "true"
        assert "secret" not in answer.text
        assert providers.asked == []
