"""Load: so many at once, so many waiting, so long; whoever is turned away is told when to come back."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.asgi import PATIENCE, Call, ask, call, lifespan
from tests.support.edge import JSON, Counting, Log, chat

from policyroute_asgi import Gateway, LoadLimits, gateway
from policyroute_asgi.load import Places, Refused

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"


@pytest.fixture
async def app(policies: Path, upstream: Counting, log: Log) -> AsyncIterator[Gateway]:
    app = gateway(policies, log=log, transport=upstream, grace=0, load=LoadLimits(concurrency=1, queue=1, patience=60))
    async with lifespan(app):
        yield app


async def streaming(app: Gateway) -> Call:
    """A stream that stays open."""
    open = call(app, "POST", CHAT, chat("stall", stream=True), JSON)
    await open.next()
    return open


async def in_queue(app: Gateway, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while f"policyroute_queued_requests {count}.0" not in (await ask(app, "GET", "/metrics")).body.decode():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_who_finds_no_place_waits_for_one(app: Gateway, upstream: Counting) -> None:
    first = await streaming(app)
    second = call(app, "POST", CHAT, chat("ok"), JSON)
    await in_queue(app, 1)
    assert len(upstream.requests) == 1
    first.hang_up()
    assert (await second.finish()).status == 200
    assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200


async def test_beyond_the_queue_one_is_turned_away(app: Gateway, upstream: Counting, log: Log) -> None:
    first = await streaming(app)
    second = call(app, "POST", CHAT, chat("ok"), JSON)
    await in_queue(app, 1)
    third = await ask(app, "POST", CHAT, chat("ok"), JSON)
    told = json.loads(third.body)["error"]
    assert (third.status, told["code"], told["policyroute"]["retry"]) == (503, "overloaded", True)
    assert third.headers["retry-after"] == "1"
    assert third.headers["x-should-retry"] == "true"
    assert len(upstream.requests) == 1
    first.hang_up()
    await second.finish()


async def test_a_client_that_leaves_the_queue_is_not_served(app: Gateway, upstream: Counting) -> None:
    first = await streaming(app)
    second = call(app, "POST", CHAT, chat("ok"), JSON)
    await in_queue(app, 1)
    second.hang_up()
    await second.finish()
    await in_queue(app, 0)
    first.hang_up()
    await first.finish()
    assert len(upstream.requests) == 1


async def test_nobody_waits_for_ever(policies: Path, upstream: Counting, log: Log) -> None:
    app = gateway(policies, log=log, transport=upstream, grace=0, load=LoadLimits(concurrency=1, patience=0.01))
    async with lifespan(app):
        first = await streaming(app)
        answer = await ask(app, "POST", CHAT, chat("ok"), JSON)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        first.hang_up()
        await first.finish()
        assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200


async def test_what_all_bodies_come_to_is_bounded(policies: Path, upstream: Counting, log: Log) -> None:
    app = gateway(policies, log=log, transport=upstream, grace=0, load=LoadLimits(held_bytes=10_000))
    async with lifespan(app):
        first = call(app, "POST", CHAT, chat("stall", "x" * 8_000), JSON)
        while not upstream.requests:  # noqa: ASYNC110 - it is at hand within a few steps of the loop
            await asyncio.sleep(0)
        assert (await ask(app, "POST", CHAT, chat("ok", "x" * 8_000), JSON)).status == 503
        first.hang_up()
        await first.finish()
        assert (await ask(app, "POST", CHAT, chat("ok", "x" * 8_000), JSON)).status == 200


async def test_places_are_never_lost_nor_made(seed: int = 7) -> None:
    """Whatever is cancelled whenever: no more than there are, in order of coming, and all back at the end."""
    chance = random.Random(seed)
    places = Places(LoadLimits(concurrency=3, queue=20, patience=0.001))
    most = 0

    async def one() -> None:
        nonlocal most
        if not places.take():
            await places.wait()
        most = max(most, places.taken)
        try:
            await asyncio.sleep(chance.choice([0, 0, 0.0005, 0.002]))
        finally:
            places.leave()

    tasks = [asyncio.ensure_future(one()) for _ in range(20)]
    for number in range(400):
        await asyncio.sleep(0)
        if chance.random() < 0.3:
            chance.choice(tasks).cancel()
        if number % 4 == 0:
            tasks.append(asyncio.ensure_future(one()))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), Refused, asyncio.CancelledError}
    assert (places.taken, places.waiting) == (0, 0)
    assert most == 3
