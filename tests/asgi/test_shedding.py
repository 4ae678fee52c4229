"""Who is turned away where there is too much to do: by profile, the latest of equals first, and nobody is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.asgi import PATIENCE, Answer, Call, ask, call, lifespan
from tests.support.edge import JSON, Counting, Log, chat

from policyroute.request import SHIPPED, Profiles
from policyroute.sessions import Session
from policyroute_asgi import Gateway, LoadLimits, gateway
from policyroute_asgi.load import Places, Refused
from policyroute_asgi.shedding import standing

PATH = "/v1/chat/completions"
PLACES, QUEUE = 2, 3


# The order -----------------------------------------------------------------------------------------------------------


class Model:
    """What should happen: who has a place, who waits as (standing, number in order of coming), who was refused."""

    def __init__(self) -> None:
        self.inside: set[int] = set()
        self.waiting: list[tuple[int, int]] = []
        self.refused: set[int] = set()

    def comes(self, number: int, standing: int) -> None:
        if len(self.inside) < PLACES:
            self.inside.add(number)
            return
        self.waiting.append((standing, number))
        if len(self.waiting) > QUEUE:
            first_to_go = min(self.waiting, key=lambda one: (one[0], -one[1]))
            self.waiting.remove(first_to_go)
            self.refused.add(first_to_go[1])

    def leaves(self, number: int) -> None:
        self.inside.discard(number)
        if self.waiting:
            following = max(self.waiting, key=lambda one: (one[0], -one[1]))
            self.waiting.remove(following)
            self.inside.add(following[1])

    def gives_up(self, number: int) -> None:
        self.waiting = [one for one in self.waiting if one[1] != number]


class Real:
    def __init__(self) -> None:
        self.places = Places(LoadLimits(concurrency=PLACES, queue=QUEUE, patience=600))
        self.inside: set[int] = set()
        self.refused: set[int] = set()
        self.tasks: dict[int, asyncio.Task[None]] = {}

    def comes(self, number: int, standing: int) -> None:
        self.tasks[number] = asyncio.create_task(self._one(number, standing))

    async def _one(self, number: int, standing: int) -> None:
        try:
            if not self.places.take():
                await self.places.wait(standing)
        except Refused as refused:
            assert (refused.error.status, refused.error.code, refused.error.retry_after) == (503, "overloaded", 1.0)
            self.refused.add(number)
        else:
            self.inside.add(number)

    def leaves(self, number: int) -> None:
        self.inside.discard(number)
        self.places.leave()

    def gives_up(self, number: int) -> None:
        self.tasks[number].cancel()


steps = st.lists(st.tuples(st.sampled_from(["comes", "comes", "leaves", "gives up"]), st.integers(0, 4)), max_size=40)


@settings(deadline=None, max_examples=150)
@given(steps=steps)
def test_no_lower_standing_goes_before_a_higher_one(steps: list[tuple[str, int]]) -> None:
    """`PLACES` places, `QUEUE` that wait: after each step the same have a place, wait, and were refused as should."""
    asyncio.run(walk(steps))


async def walk(steps: list[tuple[str, int]]) -> None:
    model, real = Model(), Real()
    for number, (step, choice) in enumerate(steps):
        waiting = [one for _, one in sorted(model.waiting)]
        if step == "comes":
            model.comes(number, choice)
            real.comes(number, choice)
        elif step == "leaves" and model.inside:
            one = sorted(model.inside)[choice % len(model.inside)]
            model.leaves(one)
            real.leaves(one)
        elif step == "gives up" and waiting:
            model.gives_up(waiting[choice % len(waiting)])
            real.gives_up(waiting[choice % len(waiting)])
        for _ in range(6):
            await asyncio.sleep(0)
        assert (real.inside, real.refused) == (model.inside, model.refused)
        assert (real.places.taken, real.places.waiting) == (len(model.inside), len(model.waiting))
    while real.inside or real.places.waiting:
        for one in sorted(real.inside):
            real.leaves(one)
        for _ in range(6):
            await asyncio.sleep(0)
    assert real.places.taken == 0
    assert all(task.done() for task in real.tasks.values())


# Whose requests ------------------------------------------------------------------------------------------------------


def test_an_agent_in_the_midst_of_its_task_is_turned_away_last() -> None:
    begins = [standing(SHIPPED, name, None) for name in ("BATCH", "SAVINGS", "CHAT", "AGENT")]
    under_way = [standing(SHIPPED, name, Session(name, turns=3)) for name in ("BATCH", "SAVINGS", "CHAT", "AGENT")]
    assert begins == [0, 1, 2, 3]
    assert under_way == [0, 1, 2, 4]
    assert standing(SHIPPED, "AGENT", Session("AGENT")) == 3


def test_a_policy_says_whose_requests_go_first() -> None:
    own = Profiles(("LIVE", "NIGHTLY"), "LIVE", shed=("NIGHTLY",))
    assert [standing(own, name, None) for name in own.known] == [1, 0]


# Through the gateway -------------------------------------------------------------------------------------------------


@pytest.fixture
async def app(policies: Path, upstream: Counting, log: Log) -> AsyncIterator[Gateway]:
    app = gateway(policies, log=log, transport=upstream, grace=0, load=LoadLimits(concurrency=1, queue=2, patience=60))
    async with lifespan(app):
        yield app


def asking(app: Gateway, profile: str) -> Call:
    return call(app, "POST", PATH, chat("ok"), [*JSON, ("x-router-profile", profile)])


async def metrics(app: Gateway) -> str:
    return (await ask(app, "GET", "/metrics")).body.decode()


async def in_queue(app: Gateway, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while f"policyroute_queued_requests {count}.0" not in await metrics(app):  # noqa: ASYNC110
            await asyncio.sleep(0)


async def holding(app: Gateway) -> Call:
    """A stream that stays open in the only place."""
    open = call(app, "POST", PATH, chat("stall", stream=True), JSON)
    await open.next()
    return open


def code(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"]["code"])


@pytest.mark.anyio
async def test_a_batch_makes_way_for_an_agent(app: Gateway, upstream: Counting) -> None:
    first = await holding(app)
    chatting, batch = asking(app, "CHAT"), asking(app, "BATCH")
    await in_queue(app, 2)
    agent = asking(app, "AGENT")
    refused = await batch.finish()
    assert (refused.status, code(refused), refused.headers["retry-after"]) == (503, "overloaded", "1")
    other = await asking(app, "SAVINGS").finish()
    assert (other.status, code(other), other.headers["retry-after"]) == (503, "overloaded", "1")
    assert len(upstream.requests) == 1
    first.hang_up()
    assert [(await each.finish()).status for each in (agent, chatting)] == [200, 200]
    shed = {line for line in (await metrics(app)).splitlines() if line.startswith("policyroute_shed_total")}
    assert shed == {'policyroute_shed_total{profile="BATCH"} 1.0', 'policyroute_shed_total{profile="SAVINGS"} 1.0'}


@pytest.mark.anyio
async def test_what_waits_without_a_profile_is_a_chat(app: Gateway) -> None:
    first = await holding(app)
    waiting = [call(app, "POST", PATH, chat("ok"), JSON), asking(app, "CHAT")]
    await in_queue(app, 2)
    assert (await asking(app, "CHAT").finish()).status == 503
    assert 'policyroute_shed_total{profile="CHAT"} 1.0' in await metrics(app)
    first.hang_up()
    assert [(await each.finish()).status for each in waiting] == [200, 200]


@pytest.mark.anyio
async def test_a_profile_that_there_is_none_of_is_not_waited_with(app: Gateway) -> None:
    first = await holding(app)
    refused = await asking(app, "GOLD").finish()
    assert (refused.status, code(refused)) == (400, "unknown_profile")
    first.hang_up()
    await first.finish()


@pytest.mark.anyio
@pytest.mark.parametrize("moment", range(8))
async def test_whoever_is_ended_at_the_moment_its_place_comes_leaves_it_to_the_next(app: Gateway, moment: int) -> None:
    first = await holding(app)
    second = asking(app, "CHAT")
    await in_queue(app, 1)
    first.task.cancel()
    for _ in range(moment):
        await asyncio.sleep(0)
    second.task.cancel()
    await asyncio.wait({first.task, second.task}, timeout=PATIENCE)
    assert (await asking(app, "CHAT").finish()).status == 200
