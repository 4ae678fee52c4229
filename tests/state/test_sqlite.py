"""The store in a file: what survives, what nobody can read, and what is done about a file that is no good."""

from __future__ import annotations

import asyncio
import base64
import logging
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policyroute_asgi.state import sealed
from policyroute_asgi.state.address import KEY_VARIABLE
from policyroute_asgi.state.memory import MemoryStore
from policyroute_asgi.state.opening import opened
from policyroute_asgi.state.sealed import Seal, key_of
from policyroute_asgi.state.sqlite import NAME, SqliteStore
from policyroute_asgi.state.store import StateError

pytestmark = pytest.mark.anyio
SEAL = Seal(b"k" * 32)

WRITER = """
import asyncio, sys
from pathlib import Path
from policyroute_asgi.state.opening import opened

async def main(folder, name, count):
    store = opened(Path(folder))
    for n in range(count):
        await store.put("a", f"{name}-{n}", str(n).encode(), 600)
        print(n, flush=True)
    await store.aclose()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def spoil(path: Path) -> None:
    path.write_bytes(b"this is no database, and has never been one" * 100)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def named(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    process = writer(tmp_path, "w", 1_000_000)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 200:
            process.send_signal(signal.SIGKILL)
            break
    rest = [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()
    store = opened(tmp_path)
    assert isinstance(store, SqliteStore)
    for n in range((rest or [200])[-1] + 1):
        assert await store.get("a", f"w-{n}") == str(n).encode()
    await store.aclose()


async def test_several_processes_write_at_once_and_have_one_key(tmp_path: Path) -> None:
    processes = [writer(tmp_path / "new", f"w{n}", 12) for n in range(4)]
    for process in processes:
        assert process.communicate()[0].split()[-1] == "11"
    store = opened(tmp_path / "new")
    for name in range(4):
        for n in range(12):
            assert await store.get("a", f"w{name}-{n}") == str(n).encode()
    await store.aclose()


async def test_the_file_says_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for n in range(50):
        await store.put("a", f"conversation-CANARY-{n}", b"text CANARY " * 100, 600)
    raw = content(tmp_path)
    assert len(raw) > 50 * 1200
    assert b"CANARY" not in raw
    await store.aclose()
    assert mode(tmp_path / sealed.KEY_FILE) == 0o600


async def test_rows_of_another_key_and_rows_that_were_exchanged_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = SqliteStore(path, SEAL)
    await store.put("a", "one", b"1", 600)
    await store.put("a", "two", b"2", 600)
    with sqlite3.connect(path) as other:
        values = other.execute("SELECT name, value FROM kept").fetchall()
        for (name, _), (_, value) in zip(values, reversed(values), strict=True):
            other.execute("UPDATE kept SET value = ? WHERE name = ?", (value, name))
    other.close()
    assert [await store.get("a", key) for key in ("one", "two")] == [None, None]
    await store.put("a", "one", b"1", 600)
    await store.aclose()
    stranger = SqliteStore(path, Seal(b"x" * 32))
    assert await stranger.get("a", "one") is None
    await stranger.aclose()


def test_a_key_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, base64.b64encode(b"e" * 32).decode())
    assert key_of(tmp_path) == b"e" * 32
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(ValueError, match="32 bytes"):
        key_of(tmp_path)


async def test_a_broken_file_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spoil(tmp_path / NAME)
    store = opened(tmp_path)
    await store.put("a", "k", b"1", 60)
    assert await store.get("a", "k") == b"1"
    assert len(named(tmp_path, f"{NAME}.broken-*")) == 1
    assert "STATE IS LOST" in caplog.text
    await store.aclose()


async def test_a_file_of_a_later_release_is_not_touched(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(tmp_path / NAME) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    before = content(tmp_path)
    store = opened(tmp_path)
    assert isinstance(store, MemoryStore)
    assert "IN MEMORY ONLY" in caplog.text
    assert content(tmp_path).startswith(before)  # beside it there is a key


async def test_what_cannot_be_written_raises_and_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    store = SqliteStore(tmp_path / "s", SEAL)
    with sqlite3.connect(tmp_path / "s") as other:
        other.execute("DROP TABLE kept")
    other.close()
    with pytest.raises(StateError):
        await store.put("a", "k", b"1", 60)
    store.put_later("a", "k", b"1", 60)
    with pytest.raises(StateError):  # nobody waits for what is put later: this comes after it
        await store.put("a", "k", b"1", 60)
    assert store.dropped == 1
    assert await store.get("a", "k") is None
    await store.aclose()


async def test_damage_in_the_middle_is_found_at_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(tmp_path)
    await asyncio.gather(*(store.put("a", str(n), b"v" * 3000, 600) for n in range(100)))
    await store.aclose()
    path = tmp_path / NAME
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: 4 * 4096] + b"\xee" * (size - 4 * 4096))
    store = opened(tmp_path)
    await store.put("a", "k", b"1", 60)
    assert await store.get("a", "k") == b"1"
    assert "STATE IS LOST" in caplog.text
    await store.aclose()


async def test_a_write_that_nobody_foresaw_is_answered_and_others_come(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s", SEAL)
    with pytest.raises(StateError, match="UnicodeEncodeError"):
        await store.put("\ud800", "k", b"1", 60)
    await store.put("a", "k", b"1", 60)
    assert await store.get("a", "k") == b"1"
    await store.aclose()


async def test_what_comes_before_the_end_is_written_and_what_comes_after_it_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s", SEAL)
    for n in range(1000):
        store.put_later("a", str(n), b"1", 600)
    closing = asyncio.create_task(store.aclose())
    await asyncio.sleep(0)  # it has begun
    with pytest.raises(StateError, match="closed"):
        await store.put("a", "late", b"1", 600)
    await closing
    again = SqliteStore(tmp_path / "s", SEAL)
    assert [await again.get("a", str(n)) for n in range(1000)] == [b"1"] * 1000
    await again.aclose()


async def test_writes_that_wait_are_bounded_however_small_they_are(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s", SEAL)
    await store.put("a", "k", b"", 60)
    other = sqlite3.connect(tmp_path / "s", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # the writer waits for this
    for _ in range(40_000):
        store.put_later("a", "k", b"", 60)
    assert store.dropped > 0
    other.execute("ROLLBACK")
    other.close()
    await store.aclose()


def rows(path: Path) -> int:
    connection = sqlite3.connect(path)
    count: int = connection.execute("SELECT count(*) FROM kept").fetchone()[0]
    connection.close()
    return count


async def test_all_that_is_over_goes_at_the_next_sweep(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = SqliteStore(path, SEAL, lambda: 1000.0)
    await asyncio.gather(*(store.put("a", str(n), b"1", 60) for n in range(2000)), store.put("a", "k", b"1", 600))
    await store.aclose()
    assert rows(path) == 2001
    store = SqliteStore(path, SEAL, lambda: 1100.0)
    await asyncio.to_thread(until, lambda: rows(path) == 1)
    assert await store.get("a", "k") == b"1"
    await store.aclose()


async def test_of_more_than_there_is_room_for_what_has_the_least_time_left_goes(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = SqliteStore(path, SEAL)
    await asyncio.gather(*(store.put("a", str(n), b"v" * 2000, 600 + n) for n in range(2000)))
    await store.aclose()
    store = SqliteStore(path, SEAL, disk=4_000_000)
    await asyncio.to_thread(until, lambda: rows(path) < 1000)
    await store.aclose()
    assert rows(path) > 500  # no more goes than has to
    store = SqliteStore(path, SEAL)
    assert [await store.get("a", key) is not None for key in ("0", "1999")] == [False, True]
    await store.aclose()


def until(happened: Callable[[], bool]) -> None:
    last = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < last
        time.sleep(0.005)


WRITES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.binary(max_size=8) | st.none()), max_size=12
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES)
def test_it_is_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[str, str, bytes | None]]
) -> None:
    async def play() -> None:
        store = SqliteStore(tmp_path_factory.mktemp("d") / "s", SEAL)
        model: dict[tuple[str, str], bytes] = {}
        for kind, key, value in writes:
            if value is None:
                await store.put(kind, key, b"", 0.0)
                model.pop((kind, key), None)
            else:
                await store.put(kind, key, value, 60)
                model[kind, key] = value
        for kind in "abc":
            for key in "xyz":
                assert await store.get(kind, key) == model.get((kind, key))
        await store.aclose()

    asyncio.run(play())
