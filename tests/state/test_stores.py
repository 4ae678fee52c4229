"""What every store promises, asked of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.redis_server import Server

from policyroute_asgi.state.memory import MemoryStore
from policyroute_asgi.state.redis import RedisStore
from policyroute_asgi.state.sealed import Seal
from policyroute_asgi.state.sqlite import SqliteStore
from policyroute_asgi.state.store import MAX_VALUE, StateStore

pytestmark = pytest.mark.anyio
SEAL = Seal(b"k" * 32)


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("redis"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StateStore]:
    made: StateStore
    match request.param:
        case "memory":
            made = MemoryStore()
        case "sqlite":
            made = SqliteStore(tmp_path / "s", SEAL)
        case _:
            server: Server = request.getfixturevalue("server")
            server.client.flushall()
            made = RedisStore(server.address, SEAL)
    yield made
    assert not made.degraded
    await made.aclose()


@pytest.fixture(params=["memory", "sqlite"])
async def timed(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[StateStore]:
    """One whose time is the clock's."""
    made: StateStore = (
        MemoryStore(clock=clock) if request.param == "memory" else SqliteStore(tmp_path / "s", SEAL, clock)
    )
    yield made
    await made.aclose()


async def test_what_is_put_is_there(store: StateStore) -> None:
    assert await store.get("a", "k") is None
    await store.put("a", "k", b"1", 60)
    await store.put("b", "k", b"2", 60)
    await store.put("a", "k", b"3", 60)
    assert [await store.get(kind, "k") for kind in ("a", "b", "c")] == [b"3", b"2", None]


@pytest.mark.parametrize("key", ["", "with\0nul", "ключ", "\ud800", "k" * 10_000])
@pytest.mark.parametrize("value", [b"", b"\0\xff", b"v" * MAX_VALUE])
async def test_any_key_and_any_value(store: StateStore, key: str, value: bytes) -> None:
    await store.put("a", key, value, 60)
    assert await store.get("a", key) == value


async def test_what_is_put_for_later_is_there_at_once(timed: StateStore, clock: Clock) -> None:
    for n in range(100):
        timed.put_later("a", "k", b"%d" % n, 60)
        timed.put_later("b", "k", b"%d" % n, 10)
        assert [await timed.get(kind, "k") for kind in "ab"] == [b"%d" % n] * 2
    clock.now += 20
    assert [await timed.get(kind, "k") for kind in "ab"] == [b"99", None]
    timed.put_later("a", "k", b"", 0)
    assert await timed.get("a", "k") is None
    await timed.put("c", "k", b"later", 60)  # behind all of them
    assert [await timed.get(kind, "k") for kind in "abc"] == [None, None, b"later"]


async def test_nothing_too_large(store: StateStore) -> None:
    with pytest.raises(ValueError, match="at most"):
        await store.put("a", "k", b"v" * (MAX_VALUE + 1), 60)
    store.put_later("a", "k", b"v" * (MAX_VALUE + 1), 60)
    assert store.dropped == 1
    assert await store.get("a", "k") is None


async def test_its_time_ends(timed: StateStore, clock: Clock) -> None:
    await timed.put("a", "k", b"1", 60)
    clock.now += 59.9
    assert await timed.get("a", "k") == b"1"
    clock.now += 0.2
    assert await timed.get("a", "k") is None
    await timed.put("a", "k", b"2", 60)
    assert await timed.get("a", "k") == b"2"


async def test_what_is_kept_for_no_time_is_gone(store: StateStore) -> None:
    await store.put("a", "k", b"1", 60)
    store.put_later("a", "k", b"", 0.0)
    assert await store.get("a", "k") is None


async def test_what_is_put_later_is_there_before_what_is_put_after_it(store: StateStore) -> None:
    store.put_later("a", "k", b"1", 60)
    await store.put("a", "other", b"2", 60)
    assert await store.get("a", "k") == b"1"


async def test_many_at_once(store: StateStore) -> None:
    await asyncio.gather(*(store.put("a", str(n), str(n).encode(), 60) for n in range(1000)))
    assert [await store.get("a", str(n)) for n in range(1000)] == [str(n).encode() for n in range(1000)]


def more(kept: bytes | None) -> bytes:
    return b"%d" % (int(kept or b"0") + 1)


def broken(kept: bytes | None) -> bytes:
    raise LookupError("no such thing")


async def test_what_is_kept_is_changed_in_one_step(store: StateStore) -> None:
    said = await asyncio.gather(*(store.update("a", "k", more, 60) for _ in range(200)))
    assert max(map(int, said)) == 200
    assert await store.get("a", "k") == b"200"
    assert await store.update("a", "other", more, 60) == b"1"
    await store.put("a", "k", b"7", 60)
    assert await store.update("a", "k", more, 60) == b"8"


async def test_what_is_changed_later_is_read_at_once(store: StateStore) -> None:
    await store.put("a", "k", b"10", 60)
    for n in range(1, 101):
        store.update_later("a", "k", more, 60)
        assert await store.get("a", "k") == b"%d" % (10 + n)
    store.put_later("a", "k", b"0", 60)
    store.update_later("a", "k", more, 60)
    assert await store.get("a", "k") == b"1"
    assert await store.update("a", "k", more, 60) == b"2"


async def test_a_change_that_raises_changes_nothing_and_harms_no_other(store: StateStore) -> None:
    await store.put("a", "k", b"1", 60)
    store.update_later("a", "k", broken, 60)
    assert await store.get("a", "k") == b"1"
    one, failed, other, large = await asyncio.gather(
        store.update("a", "k", more, 60),
        store.update("a", "k", broken, 60),
        store.update("a", "other", more, 60),
        store.update("a", "k", lambda _: b"v" * (MAX_VALUE + 1), 60),
        return_exceptions=True,
    )
    assert (one, other) == (b"2", b"1")
    assert isinstance(failed, LookupError)
    assert isinstance(large, ValueError)
    assert store.dropped == 1
    assert await store.update("a", "k", more, 60) == b"3"


async def test_what_is_over_is_not_what_a_change_begins_with(timed: StateStore, clock: Clock) -> None:
    await timed.update("a", "k", more, 60)
    clock.now += 61
    assert await timed.update("a", "k", more, 60) == b"1"


async def test_it_is_kept_for_longer_while_it_is_asked_for(timed: StateStore, clock: Clock) -> None:
    await timed.put("a", "k", b"1", 60)
    for _ in range(10):
        clock.now += 40
        timed.keep_longer("a", "k", 60)
        timed.keep_longer("a", "none", 60)
        await timed.put("b", "k", b"", 60)  # behind it
        assert await timed.get("a", "k") == b"1"
    timed.keep_longer("a", "k", 1)
    await timed.put("b", "k", b"", 60)
    clock.now += 50
    assert await timed.get("a", "k") == b"1"
    clock.now += 20
    timed.keep_longer("a", "k", 60)
    await timed.put("b", "k", b"", 60)
    assert [await timed.get("a", key) for key in ("k", "none")] == [None, None]


async def test_memory_is_bounded(clock: Clock) -> None:
    store = MemoryStore(room=10_000, clock=clock)
    for n in range(100):
        await store.put("a", str(n), b"v" * 1000, 60)
    kept = [n for n in range(100) if await store.get("a", str(n)) is not None]
    assert kept == list(range(100 - len(kept), 100))
    assert 5 < len(kept) < 10
