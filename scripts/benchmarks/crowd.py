"""Clients that mean no good, by the thousand, and the few that only want their answers meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from scripts.benchmarks import load, processes

_KEPT = 4096
"""Bytes of an answer that are looked at."""


class Guest(asyncio.Protocol):
    """One connection. `ended` is when the server closed it, None as long as it has not."""

    def __init__(self) -> None:
        self.got = b""
        self.since = time.monotonic()
        self.ended: float | None = None
        self.over = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got = (self.got + data)[:_KEPT]

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = time.monotonic()
        self.over.set()

    @property
    def lasted(self) -> float:
        """Seconds from the opening to the end."""
        return (self.ended or time.monotonic()) - self.since

    @property
    def status(self) -> int:
        return int(self.got[9:12] or 0)


async def guests(port: int, count: int, at_once: int = 100) -> list[Guest]:
    loop = asyncio.get_running_loop()
    found: list[Guest] = []
    while len(found) < count:
        batch = min(at_once, count - len(found))
        made = await asyncio.gather(*(loop.create_connection(Guest, "127.0.0.1", port) for _ in range(batch)))
        found += [guest for _, guest in made]
    return found


async def gone(crowd: list[Guest], seconds: float) -> int:
    """How many of them the server has closed after at most so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for guest in crowd:
                await guest.over.wait()
    return sum(guest.ended is not None for guest in crowd)


async def dripping(crowd: list[Guest], start: bytes, rest: bytes) -> None:
    """Each sends `start`, then a byte of `rest` a second, until it is closed or the task is cancelled."""
    for guest in crowd:
        guest.transport.write(start)
    for place in range(len(rest)):
        await asyncio.sleep(1)
        for guest in crowd:
            if guest.ended is None:
                guest.transport.write(rest[place : place + 1])


def code(answer: bytes) -> str:
    """Of an error, as the last of what was said."""
    return answer.rpartition(b'"code":"')[2].partition(b'"')[0].decode() if b'"error"' in answer else "ok"


@dataclass
class Seen:
    """What those beside an attack went through, and what the process came to. Seconds and bytes."""

    latencies: list[float] = field(default_factory=list[float])
    failed: int = 0
    told: set[str] = field(default_factory=set[str])
    peak: int = 0
    stall: float = 0.0

    @property
    def others(self) -> str:
        """What others had of it."""
        said = f"; {', '.join(sorted(self.told))}" if self.told else ""
        return f"{len(self.latencies):,} answered{said}"

    def median(self) -> float:
        return sorted(self.latencies)[len(self.latencies) // 2]


@asynccontextmanager
async def beside(port: int, pid: int, *, rate: int = 100) -> AsyncGenerator[Seen]:
    """As long as the block lasts, others ask for short answers, and the process is watched."""
    seen = Seen()
    message = load.request(port, load.body("proper", stream=False))
    tasks = [asyncio.create_task(_ask(port, message, 4 / rate, seen)) for _ in range(4)]
    tasks += [asyncio.create_task(_weigh(pid, seen)), asyncio.create_task(_feel(port, seen))]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                seen.failed += 1


async def _ask(port: int, message: bytes, pause: float, seen: Seen) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            begun = time.perf_counter()
            writer.write(message)
            status, answer = await load.read_answer(reader)
            if status != 200:
                seen.failed += 1
                seen.told.add(f"{status} {code(answer)}")
            seen.latencies.append(time.perf_counter() - begun)
            await asyncio.sleep(pause)
    finally:
        writer.close()


async def _feel(port: int, seen: Seen) -> None:
    """The longest that a request which needs nothing had to wait."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    message = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    try:
        while True:
            begun = time.perf_counter()
            writer.write(message)
            await load.read_answer(reader)
            seen.stall = max(seen.stall, time.perf_counter() - begun)
            await asyncio.sleep(0.005)
    finally:
        writer.close()


async def _weigh(pid: int, seen: Seen) -> None:
    while True:
        seen.peak = max(seen.peak, processes.rss_bytes(pid))
        await asyncio.sleep(0.02)
