"""What every store promises, asked of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from policyroute_asgi.state.memory import MemoryStore
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


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[StateStore]:
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


async def test_what_is_put_for_later_is_there_at_once(store: StateStore, clock: Clock) -> None:
    for n in range(100):
        store.put_later("a", "k", b"%d" % n, 60)
        store.put_later("b", "k", b"%d" % n, 10)
        assert [await store.get(kind, "k") for kind in "ab"] == [b"%d" % n] * 2
    clock.now += 20
    assert [await store.get(kind, "k") for kind in "ab"] == [b"99", None]
    store.put_later("a", "k", b"", 0)
    assert await store.get("a", "k") is None
    await store.put("c", "k", b"later", 60)  # behind all of them
    assert [await store.get(kind, "k") for kind in "abc"] == [None, None, b"later"]


async def test_nothing_too_large(store: StateStore) -> None:
    with pytest.raises(ValueError, match="at most"):
        await store.put("a", "k", b"v" * (MAX_VALUE + 1), 60)
    store.put_later("a", "k", b"v" * (MAX_VALUE + 1), 60)
    assert store.dropped == 1
    assert await store.get("a", "k") is None


async def test_its_time_ends(store: StateStore, clock: Clock) -> None:
    await store.put("a", "k", b"1", 60)
    clock.now += 59.9
    assert await store.get("a", "k") == b"1"
    clock.now += 0.2
    assert await store.get("a", "k") is None
    await store.put("a", "k", b"2", 60)
    assert await store.get("a", "k") == b"2"


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


async def test_memory_is_bounded(clock: Clock) -> None:
    store = MemoryStore(room=10_000, clock=clock)
    for n in range(100):
        await store.put("a", str(n), b"v" * 1000, 60)
    kept = [n for n in range(100) if await store.get("a", str(n)) is not None]
    assert kept == list(range(100 - len(kept), 100))
    assert 5 < len(kept) < 10
