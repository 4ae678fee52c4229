"""Two processes over one store: what one finds out of a target the other need not. Their clocks and the task that says
and hears are driven by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.support.exchanges import FALLBACK, Gateway, candidate, transport_of
from tests.support.providers import Asked, Provider, answer, error, http, provider
from tests.support.redis_server import Server, free_port

from policyroute.health.breaker import HANDOVER, PROBE_EVERY, ROW, Circuit, State
from policyroute_asgi.hearsay import EVERY, Hearsay
from policyroute_asgi.resting import Resting, place_of
from policyroute_asgi.state.address import KEY_VARIABLE, Address
from policyroute_asgi.state.address import address as address_of
from policyroute_asgi.state.opening import opened
from policyroute_asgi.state.store import StateStore

pytestmark = pytest.mark.anyio

BROKEN = http("500 Internal Server Error", error("Oops", "server_error"))
WELL = http("200 OK", answer())
KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


@dataclass
class Process:
    """`circuit` is that of the target `a`."""

    gateway: Gateway
    store: StateStore
    hearsay: Hearsay
    circuit: Circuit


@dataclass
class Fleet:
    """Processes that ask `a`, then `b`. `asked` counts what each has heard; `a` says `says`, once it may."""

    folder: Path
    address: Address | None
    stack: AsyncExitStack
    now: float = 1000.0
    says: bytes = BROKEN
    asked: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    providers: list[Provider] = field(default_factory=list[Provider])
    may: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def script(self, asked: Asked) -> bool:
        self.asked["a"] += 1
        self.came.set()
        await self.may.wait()
        await asked.say(self.says)
        return True

    async def spare(self, asked: Asked) -> bool:
        self.asked["b"] += 1
        await asked.say(WELL)
        return True

    async def process(self) -> Process:
        store = opened(self.folder, self.address)
        self.stack.push_async_callback(store.aclose)
        resting = Resting(lambda: self.now)
        gateway = Gateway(transport_of("aiohttp"), fallback=replace(FALLBACK, retries=0), resting=resting)
        await self.stack.enter_async_context(gateway)
        asked = candidate("a", self.providers[0].base_url)
        resting.use({}, {"a": asked.spec})
        circuit = resting.table.breakers.kept(place_of(asked.provider, asked.model))
        return Process(gateway, store, Hearsay(resting, store, lambda: 1e9 + self.now), circuit)

    async def ask(self, process: Process) -> str:
        listener, _ = await process.gateway.ask(*(each.base_url for each in self.providers))
        assert listener.target is not None
        return listener.target

    async def opened(self, process: Process) -> None:
        for _ in range(ROW):
            self.now += 8.0  # no cool-down keeps it from being asked
            assert await self.ask(process) == "b"
        assert not process.circuit.closed


@pytest.fixture(params=["sqlite", "redis"])
def address(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Address | None]:
    if request.param == "sqlite":
        yield None
        return
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    server = Server(tmp_path)
    server.start()
    yield server.address
    server.stop()


@pytest.fixture
async def fleet(address: Address | None, tmp_path: Path) -> AsyncGenerator[Fleet]:
    async with _fleet(address, tmp_path) as it:
        yield it


@asynccontextmanager
async def _fleet(address: Address | None, folder: Path) -> AsyncGenerator[Fleet]:
    async with AsyncExitStack() as stack:
        it = Fleet(folder, address, stack)
        it.may.set()
        it.providers = [await stack.enter_async_context(provider(each)) for each in (it.script, it.spare)]
        yield it


async def test_what_one_opens_the_others_leave_alone_and_what_it_closes_they_ask(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = await fleet.process(), await fleet.process()
    await fleet.opened(one)
    await one.hearsay.tick()
    await other.hearsay.tick()
    assert other.circuit.state(fleet.now) is State.OPEN
    assert other.circuit.until == pytest.approx(one.circuit.until, abs=0.01)
    assert other.circuit.error_rate(fleet.now) == 0.0
    assert await fleet.ask(other) == "b"
    assert fleet.asked["a"] == ROW
    fleet.now, fleet.says = one.circuit.until, WELL
    assert [await fleet.ask(one), await fleet.ask(one)] == ["a", "a"]
    await one.hearsay.tick()
    await other.hearsay.tick()
    assert other.circuit.closed
    assert await fleet.ask(other) == "a"
    said = [each.getMessage() for each in caplog.records if each.name == "policyroute.health"]
    assert [line.endswith("as another process says") for line in said] == [False, True, False, True]


async def test_a_crowd_over_all_of_them_sends_one_to_find_out(fleet: Fleet) -> None:
    processes = [await fleet.process() for _ in range(2)]
    for each in processes:  # both open before either has heard of the other
        await fleet.opened(each)
    for each in (*processes, *processes):
        await each.hearsay.tick()
    before = fleet.asked["a"]
    fleet.now = max(each.circuit.until for each in processes)
    crowd = [fleet.ask(each) for each in processes for _ in range(25)]
    assert set(await asyncio.gather(*crowd)) == {"b"}
    assert fleet.asked["a"] == before + 1


async def test_one_that_has_just_begun_knows_and_takes_the_turn_of_one_that_is_no_more(fleet: Fleet) -> None:
    one = await fleet.process()
    await fleet.opened(one)
    await one.hearsay.tick()
    fleet.now = one.circuit.until
    fleet.may.clear()
    fleet.came.clear()
    hanging = asyncio.create_task(fleet.ask(one))  # it holds the probe, says so, and is heard of no more
    await fleet.came.wait()
    await one.hearsay.tick()
    another = await fleet.process()
    await another.hearsay.tick()
    assert not another.circuit.closed
    began = fleet.now
    while await fleet.ask(another) == "b":
        fleet.may.set()
        fleet.says = WELL
        fleet.now += EVERY
        await another.hearsay.tick()
        assert fleet.now - began <= 30
    assert fleet.now - began >= PROBE_EVERY + HANDOVER
    await hanging


async def test_a_store_that_is_down_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    async with _fleet(address_of(f"redis://127.0.0.1:{free_port()}"), tmp_path) as fleet:
        one, other = await fleet.process(), await fleet.process()
        await fleet.opened(one)
        for each in (one, other):
            await each.hearsay.tick()
        assert other.circuit.closed
        fleet.now, fleet.says = one.circuit.until, WELL
        assert [await fleet.ask(one), await fleet.ask(one)] == ["a", "a"]
        assert one.circuit.closed
