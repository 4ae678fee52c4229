"""Whoever takes over a task is told where it stands, also where the first candidate rests and is not asked at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.asgi import Message, ask, body_messages, http_scope, lifespan
from tests.support.edge import JSON, POLICY, Counting, Log, chat

from policyroute_asgi import gateway
from policyroute_asgi.app import Gateway

pytestmark = pytest.mark.anyio


class Together(Counting):
    """Answers nobody before all that the barrier is for have asked."""

    barrier: asyncio.Barrier | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.barrier is not None:
            await self.barrier.wait()
        return await super().handle_async_request(request)


@pytest.fixture
def provider() -> Together:
    return Together()


@pytest.fixture
async def app(tmp_path: Path, provider: Counting, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    monkeypatch.setenv("POLICYROUTE_TEST_KEY", "a-key")
    (tmp_path / "policy.yaml").write_text(POLICY)
    app = gateway(tmp_path, transport=provider, log=Log())
    async with lifespan(app):
        yield app


async def told(app: Gateway, provider: Counting, **headers: str) -> list[tuple[str, str]]:
    """The attempts of one more request: the model, and what the system says to it."""
    before = len(provider.requests)
    given = [*JSON, *((name.replace("_", "-"), value) for name, value in headers.items())]
    assert (await ask(app, "POST", "/v1/chat/completions", chat("swap"), given)).status == 200
    bodies: list[dict[str, Any]] = [json.loads(request.content) for request in provider.requests[before:]]
    return [
        (body["model"], "\n".join(each["content"] for each in body["messages"] if each["role"] == "system"))
        for body in bodies
    ]


async def test_a_task_is_told_where_it_stands_as_long_as_its_first_candidate_rests(
    app: Gateway, provider: Counting
) -> None:
    first, second = await told(app, provider, x_task_id="t", x_task_step="1/3 Plan")
    assert first == ("throttle-7s", "")
    assert (second[0], "Step: 1/3 Plan" in second[1]) == ("ok", True)
    (only,) = await told(app, provider, x_task_id="t", x_task_step="2/3 Execute")
    assert only[0] == "ok"
    for said in (
        "throttle-7s began",
        "rate_limited",
        "Step: 2/3 Execute",
        "1 of 3 steps done",
        "- 1/3 Plan: ok says",
    ):
        assert said in only[1]


async def test_nobody_began_a_turn_of_a_conversation_whose_first_candidate_rests(
    app: Gateway, provider: Counting
) -> None:
    await told(app, provider, x_conversation_id="c")
    assert await told(app, provider, x_conversation_id="c") == [("ok", "")]
    assert await told(app, provider) == [("ok", "")]


async def test_nothing_is_told_of_a_conversation_that_only_begins(app: Gateway, provider: Together) -> None:
    """The first candidate said nothing: there is no work that another could go on with."""
    asked = await told(app, provider, x_conversation_id="c")
    assert asked == [("throttle-7s", ""), ("ok", "")]


@pytest.mark.parametrize("stream", [False, True])
async def test_whoever_has_the_end_of_a_step_may_ask_the_next_at_once(
    app: Gateway, provider: Together, stream: bool
) -> None:
    said: list[str] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            said.append((await told(app, provider, x_task_id="t", x_task_step="2/2 Do"))[-1][1])

    scope = http_scope("POST", "/v1/chat/completions", [*JSON, ("x-task-id", "t"), ("x-task-step", "1/2 Plan")])
    incoming = iter(body_messages(chat("ok", stream=stream)))

    async def receive() -> Message:
        message = next(incoming, None)
        return message if message is not None else await asyncio.Future()

    await app(scope, receive, send)
    assert ["- 1/2 Plan: ok says" in each for each in said] == [True]


async def test_steps_that_are_done_at_once_are_all_told_of(app: Gateway, provider: Together) -> None:
    await told(app, provider, x_task_id="t", x_task_step="1/3 Plan")
    provider.barrier = asyncio.Barrier(3)
    steps = [f"2/3 {name}" for name in ("Left", "Middle", "Right")]
    given = [[*JSON, ("x-task-id", "t"), ("x-task-step", step)] for step in steps]
    await asyncio.gather(*[ask(app, "POST", "/v1/chat/completions", chat("ok"), each) for each in given])
    provider.barrier = None
    ((_, said),) = await told(app, provider, x_task_id="t", x_task_step="3/3 Join")
    assert [step for step in ("1/3 Plan", *steps) if f"- {step}: ok says" not in said] == []
