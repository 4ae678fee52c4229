"""The store in Redis: what it holds, and what becomes of a process's work while the server is down, slow or new."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.redis_server import Server

from policyroute_asgi.state.redis import RedisStore
from policyroute_asgi.state.sealed import Seal
from policyroute_asgi.state.store import StateStore

pytestmark = pytest.mark.anyio
SEAL = Seal(b"k" * 32)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.stop()


@asynccontextmanager
async def store_at(server: Server, failed: Callable[[], None] = lambda: None) -> AsyncGenerator[RedisStore]:
    made = RedisStore(server.address, SEAL, failed)
    yield made
    await made.aclose()


def more(kept: bytes | None) -> bytes:
    return b"%d" % (int(kept or b"0") + 1)


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    last = time.monotonic() + 30
    while not await happened():
        assert time.monotonic() < last
        await asyncio.sleep(0.01)


async def well(store: StateStore) -> None:
    async def is_well() -> bool:
        return not store.degraded

    await until(is_well)


async def test_processes_share_it_and_it_says_nothing(server: Server) -> None:
    async with store_at(server) as one, store_at(server) as other:
        await one.put("session", "conversation-CANARY", b"text CANARY", 60)
        assert await other.get("session", "conversation-CANARY") == b"text CANARY"
        said = await asyncio.gather(*(each.update("a", "k", more, 60) for each in (one, other) for _ in range(100)))
        assert max(map(int, said)) == 200
        raw = b"".join(key + server.client.get(key) for key in server.names())
        assert raw
        assert b"CANARY" not in raw
    stranger = RedisStore(server.address, Seal(b"x" * 32))
    assert await stranger.get("session", "conversation-CANARY") is None
    await stranger.aclose()


async def test_what_it_is_given_for_a_time_the_server_forgets_after_it(server: Server) -> None:
    async with store_at(server) as store:
        await store.put("a", "k", b"1", 60)
        [key] = server.names()
        assert 59_000 < server.client.pttl(key) <= 60_000
        store.keep_longer("a", "k", 61)  # that is soon enough
        store.keep_longer("a", "k", 600)

        async def longer() -> bool:
            return 599_000 < int(server.client.pttl(key)) <= 600_000

        await until(longer)
        await store.put("a", "k", b"", 0.0)
        assert not server.names()
        assert await store.get("a", "k") is None


async def test_reading_takes_one_round_trip_and_so_does_changing_what_was_read(server: Server) -> None:
    async with store_at(server) as store:
        await store.update("a", "k", more, 60)
        server.client.config_resetstat()
        await store.get("a", "k")
        await store.update("a", "k", more, 60)
        calls = {name: each["calls"] for name, each in server.client.info("commandstats").items()}
    assert calls.get("cmdstat_eval") == 1
    assert calls.get("cmdstat_pttl") == 1


async def test_while_it_is_down_a_process_goes_by_what_it_has_and_changes_it_there_later(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    failures = list[int]()
    async with store_at(server, lambda: failures.append(1)) as store:
        await store.update("a", "read", more, 60)
        server.stop()
        for n in range(2, 102):
            assert await store.update("a", "read", more, 60) == b"%d" % n
            store.update_later("a", "new", more, 60)
            await store.put("a", f"put-{n}", b"1", 60)
        assert store.degraded
        assert failures
        assert [await store.get("a", key) for key in ("read", "new", "put-5", "none")] == [b"101", b"100", b"1", None]
        server.start()
        async with store_at(server) as other:
            await other.put("a", "new", b"1000", 60)  # was there first
            await well(store)
            await until(lambda: equal(other, "new", b"1100"))
            await until(lambda: equal(other, "read", b"101"))
            await until(lambda: equal(other, "put-101", b"1"))
        assert await store.get("a", "new") == b"1100"
        assert store.dropped == 0
    said = [record.getMessage() for record in caplog.records if "redis://" in record.getMessage()]
    assert [" serve again" in each or "serves again" in each for each in said] == [False, True]


async def equal(store: StateStore, key: str, value: bytes) -> bool:
    return await store.get("a", key) == value


async def test_what_a_server_has_lost_is_put_back_by_who_knows_it(server: Server) -> None:
    async with store_at(server) as one, store_at(server) as other:
        await one.put("a", "k", b"1", 60)
        assert await other.get("a", "k") == b"1"
        server.stop()
        assert await one.get("a", "k") == b"1"
        server.start()  # with nothing in it
        await well(one)
        assert await one.get("a", "k") == b"1"
        async with store_at(server) as third:
            await until(lambda: equal(third, "k", b"1"))
        assert await other.update("a", "k", more, 60) == b"2"


async def test_what_another_has_forgotten_is_not_put_back(server: Server) -> None:
    async with store_at(server) as one, store_at(server) as other:
        await one.put("a", "k", b"1", 60)
        await other.put("a", "k", b"", 0.0)
        assert await one.get("a", "k") is None
        assert await one.update("a", "k", more, 60) == b"1"


async def test_a_slow_server_is_not_waited_for(server: Server) -> None:
    async with store_at(server) as store:
        await store.put("a", "k", b"1", 60)
        server.client.client_pause(600)
        assert await asyncio.gather(*(store.get("a", "k") for _ in range(200))) == [b"1"] * 200
        assert store.degraded
        assert await store.update("a", "k", more, 60) == b"2"
        await well(store)
        async with store_at(server) as other:
            await until(lambda: equal(other, "k", b"2"))


async def test_a_server_that_is_not_there_at_first_is_found_later(server: Server) -> None:
    server.stop()
    async with store_at(server) as store:
        assert await store.update("a", "k", more, 60) == b"1"
        server.start()
        await well(store)
        async with store_at(server) as other:
            await until(lambda: equal(other, "k", b"1"))


async def test_one_that_refuses_is_as_one_that_is_down(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.client.config_set("requirepass", "hunter2")
    async with store_at(server) as store:
        assert await store.update("a", "k", more, 60) == b"1"
        assert store.degraded
    assert "AuthenticationError" in caplog.text
    server.client.close()


async def test_what_was_given_before_the_end_is_written(server: Server) -> None:
    async with store_at(server) as store:
        for n in range(300):
            store.put_later("a", str(n), b"1", 60)
    async with store_at(server) as again:
        assert [await again.get("a", str(n)) for n in range(300)] == [b"1"] * 300
