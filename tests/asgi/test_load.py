"""Load: so many at once, so many waiting, so long; whoever is turned away is told when to come back."""

from __future__ import annotations

import asyncio
import json
import random
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.asgi import PATIENCE, Call, ask, call, lifespan
from tests.support.edge import JSON, Counting, Log, chat
from tests.support.providers import Asked, answer, http, provider

from policyroute_asgi import Gateway, LoadLimits, gateway
from policyroute_asgi.load import Places, Refused

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"
POLICY = """
version: 1
providers: {{p: {{dialect: openai_chat, base_url: "{base_url}"}}}}
targets: {{busy: {{provider: p, model: m}}}}
default: {{route: [busy]}}
"""


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


FILES = 4096


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        pytest.skip("the system allows too few connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_as_many_are_served_at_once_as_is_said(tmp_path: Path) -> None:
    count = 1100
    go = asyncio.Event()

    async def waits(asked: Asked) -> None:
        await go.wait()
        await asked.say(http("200 OK", answer()))

    async with provider(waits) as busy:
        (tmp_path / "policy.yaml").write_text(POLICY.format(base_url=busy.base_url))
        app = gateway(tmp_path, log=None, load=LoadLimits(concurrency=count))
        async with lifespan(app), asyncio.timeout(4 * PATIENCE):
            calls: list[Call] = []
            while len(calls) < count:
                calls += [call(app, "POST", CHAT, chat("busy"), JSON) for _ in range(50)]
                while len(busy.asked) < len(calls):  # noqa: ASYNC110 - what others do on this loop
                    await asyncio.sleep(0.001)
            go.set()
            assert {(await each.finish()).status for each in calls} == {200}


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


NARROW = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:"}, other: {dialect: openai_chat, base_url: "embedded:"}}
targets:
  narrow: {providers: [demo, other], model: stall, concurrency: 2}
  wide: {provider: demo, model: ok}
rules:
  - {id: either, when: request.model == "either", route: [narrow, wide]}
default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}
"""


@pytest.fixture
async def narrow(tmp_path: Path, upstream: Counting, log: Log) -> AsyncIterator[Gateway]:
    """A target that takes two at once and never answers, and another beside it."""
    (tmp_path / "policy.yaml").write_text(NARROW)
    app = gateway(tmp_path, log=log, transport=upstream, grace=0, load=LoadLimits(queue=1, patience=60))
    async with lifespan(app):
        yield app


async def filled(app: Gateway) -> list[Call]:
    body = chat("narrow", stream=True)
    calls = [call(app, "POST", CHAT, body, JSON) for _ in range(2)]
    for each in calls:
        await each.next()
    return calls


async def test_a_target_that_is_full_is_passed_over(narrow: Gateway, log: Log) -> None:
    calls = await filled(narrow)
    answer = await ask(narrow, "POST", CHAT, chat("either"), JSON)
    assert (answer.status, answer.headers["x-policyroute-target"]) == (200, "wide")
    for each in calls:
        each.hang_up()
        await each.finish()


async def test_where_every_candidate_is_full_one_waits_and_the_next_is_turned_away(
    narrow: Gateway, upstream: Counting
) -> None:
    calls = await filled(narrow)
    third = call(narrow, "POST", CHAT, chat("narrow", stream=True), JSON)
    await in_queue(narrow, 1)
    refused = await ask(narrow, "POST", CHAT, chat("narrow"), JSON)
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert len(upstream.requests) == 2
    calls[0].hang_up()
    assert (await third.next())["status"] == 200
    assert len(upstream.requests) == 3
    for each in (*calls, third):
        each.hang_up()
        await each.finish()


async def test_who_leaves_the_wait_for_a_target_leaves_it_to_the_next(
    tmp_path: Path, upstream: Counting, log: Log
) -> None:
    (tmp_path / "policy.yaml").write_text(NARROW)
    app = gateway(tmp_path, log=log, transport=upstream, grace=0, load=LoadLimits(queue=2, patience=60))
    async with lifespan(app):
        calls = await filled(app)
        waiting = [call(app, "POST", CHAT, chat("narrow", stream=True), JSON) for _ in range(2)]
        await in_queue(app, 2)
        waiting[0].hang_up()
        calls[0].hang_up()
        assert (await waiting[1].next())["status"] == 200
        for each in (*calls, *waiting):
            each.hang_up()
            await each.finish()
        assert len(upstream.requests) == 3
