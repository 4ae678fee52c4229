"""What it costs to read a session and to write it again, in a file and in Redis, on the event loop."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from policyroute.sessions import Settings, Turn, rewritten
from policyroute_asgi.state.address import address
from policyroute_asgi.state.redis import RedisStore
from policyroute_asgi.state.sealed import Seal
from policyroute_asgi.state.sqlite import SqliteStore
from policyroute_asgi.state.store import StateStore
from scripts.benchmarks.report import Figure, percentile

_SEAL: Final = Seal(b"k" * 32)
_TURN: Final = Turn(1.0, "AGENT", Settings(pin=True), served=("large", "openai"), tokens=12_000, base=0)
_CONVERSATIONS: Final = 1000


def run(scale: float) -> list[Figure]:
    return asyncio.run(_run(int(10_000 * scale)))


async def _run(count: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "state.db", _SEAL)
        busy = await _turns(store, count, 0.0)
        quiet = await _turns(store, count // 10, 0.0005)
        await store.aclose()
        figures = [
            Figure("SQLite: get and update_later, p50", _p50(busy), "µs", 25.0, "one after the other"),
            Figure("SQLite, 0.5 ms apart, p50", _p50(quiet), "µs", None, "what is read was written by another thread"),
        ]
        server = shutil.which("redis-server") or shutil.which("valkey-server")
        if server is None:
            return figures
        with _serving(server, Path(folder)) as port:
            remote = RedisStore(address(f"redis://127.0.0.1:{port}?socket_timeout=1"), _SEAL)
            waits = await _turns(remote, count // 10, 0.0005)
            trips = await _trips(remote, port)
            await remote.aclose()
    return [
        *figures,
        Figure("Redis, same machine: get and update_later, p50", _p50(waits), "µs", None, "0.5 ms apart"),
        Figure("Redis: round trips that a turn waits for", trips[0], "", 1.0, "of its get and update_later"),
        Figure("Redis: round trips of it in all", trips[1], "", 2.0),
    ]


async def _turns(store: StateStore, count: int, pause: float) -> list[float]:
    """Seconds that each one is waited for."""
    waits: list[float] = []
    for number in range(_CONVERSATIONS):
        store.update_later("session", f"c{number}", _after, 600)
    await store.put("other", "", b"", 1)
    for number in range(count):
        waits.append(await _turn(store, number))
        await asyncio.sleep(pause)
    return waits


async def _turn(store: StateStore, number: int) -> float:
    key = f"c{number % _CONVERSATIONS}"
    began = time.perf_counter()
    await store.get("session", key)
    store.update_later("session", key, _after, 600)
    return time.perf_counter() - began


_after: Final = partial(rewritten, _TURN)


async def _trips(store: StateStore, port: int) -> tuple[float, float]:
    """(before it goes on, in all) for one turn, by what the server counts: a get is two commands in one trip."""
    turns = 200
    before = await asyncio.to_thread(_commands, port)
    for number in range(turns):
        await store.get("session", f"c{number}")
    read_ = await asyncio.to_thread(_commands, port)
    for number in range(turns):
        await store.update("session", f"c{number}", _after, 600)
    after = await asyncio.to_thread(_commands, port)
    reads = (read_["get"] - before["get"]) / turns
    return reads, reads + (after["eval"] - read_["eval"]) / turns


def _commands(port: int) -> dict[str, int]:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"INFO commandstats\r\n")
        said = line.recv(65536).decode()
    found = {"get": 0, "eval": 0}
    for each in said.splitlines():
        name, _, numbers = each.removeprefix("cmdstat_").partition(":calls=")
        if numbers:
            found[name] = int(numbers.split(",")[0])
    return found


def _p50(seconds: list[float]) -> float:
    return percentile(seconds, 0.5) * 1e6


@contextmanager
def _serving(server: str, folder: Path) -> Generator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "cwd": folder}
    process = subprocess.Popen([server, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], **quiet)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.01)
        yield port
    finally:
        process.kill()
        process.wait()
