"""Attacks too heavy for a test: bodies of a gigabyte, compressed zeros, thousands of connections that only wait.

What each costs the gateway in memory, and whether others are served meanwhile. The lighter ones are in `tests/attacks`.
"""

from __future__ import annotations

import asyncio
import gzip
import resource
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.benchmarks import load, policies, processes
from scripts.benchmarks.report import Figure

_GIGABYTE: Final = 1 << 30
_MIB: Final = 1 << 20
_IDLE: Final = 10_000
_AT_ONCE: Final = 200
_DRIPPING: Final = 1000
_HEAD_SECONDS: Final = 10.0
_PATIENCE: Final = 120.0

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Watch:
    """What others see while an attack goes on, and the most memory the gateway has meanwhile."""

    port: int
    pid: int
    served: int = 0
    failed: int = 0
    slowest: float = 0.0
    most: int = 0

    async def over(self, attack: Callable[[], Awaitable[str]]) -> tuple[str, int]:
        """(what the attack tells, bytes of memory it cost at most)."""
        self.served = self.failed = 0
        self.slowest = 0.0
        before = self.most = processes.rss_bytes(self.pid)
        watching = [asyncio.create_task(self._ask()), asyncio.create_task(self._look())]
        async with asyncio.timeout(_PATIENCE):
            told = await attack()
            while not self.served:  # noqa: ASYNC110 - what another task counts
                await asyncio.sleep(0.01)
        for task in watching:
            task.cancel()
        others = f"others: {self.served} served, {self.failed} failed, slowest {self.slowest * 1000:.0f} ms"
        return f"{told}; {others}", self.most - before

    async def _ask(self) -> None:
        message = load.request(self.port, load.body("mini", stream=False))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while True:
            begun = time.perf_counter()
            writer.write(message)
            status, _ = await load.read_answer(reader)
            self.slowest = max(self.slowest, time.perf_counter() - begun)
            self.served += status == 200
            self.failed += status != 200
            await asyncio.sleep(0.02)

    async def _look(self) -> None:
        while True:
            self.most = max(self.most, processes.rss_bytes(self.pid))
            await asyncio.sleep(0.005)


def run() -> list[Figure]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    upstream, front = processes.free_port(), processes.free_port()
    async with _bombs() as bombs:
        with tempfile.TemporaryDirectory() as folder, processes.module("upstream", upstream):
            text = policies.directory(20, f"http://127.0.0.1:{upstream}/v1", extra=_extra(bombs))
            (Path(folder) / "bench.yaml").write_text(text)
            with processes.module("gateway", front, folder) as gateway:
                await load.run(front, load.body("mini", stream=False), total=500)
                return await _attacks(Watch(front, gateway.pid))


def _extra(bombs: int) -> dict[str, object]:
    provider = {"dialect": "openai_chat", "base_url": f"http://127.0.0.1:{bombs}/v1"}
    return {"providers": {"bombs": provider}, "targets": {"bomb": {"provider": "bombs", "model": "bomb"}}}


async def _attacks(watch: Watch) -> list[Figure]:
    port = watch.port
    declared, first = await watch.over(lambda: _body(port, declared=True))
    chunked, second = await watch.over(lambda: _body(port, declared=False))
    wide, third = await watch.over(lambda: _wide(port))
    bomb, fourth = await watch.over(lambda: _bomb(port))
    idle, fifth = await watch.over(lambda: _idle(port))
    begun = time.perf_counter()
    drip, _ = await watch.over(lambda: _drip(port))
    ended = time.perf_counter() - begun
    return [
        Figure("a body of 1 GiB that says so", first / _MIB, "MiB", 8, declared),
        Figure("a body of 1 GiB that does not", second / _MIB, "MiB", 96, chunked),
        Figure("a body of 32 MB that is all brackets", third / _MIB, "MiB", 128, wide),
        Figure("an answer of 1 GiB in 1 MB of gzip", fourth / _MIB, "MiB", 192, bomb),
        Figure("each of 10,000 idle connections", fifth / 1024 / _IDLE, "KiB", 16, idle),
        Figure("1,000 heads that drip are gone after", ended, "s", _HEAD_SECONDS + 5, drip),
    ]


async def _body(port: int, *, declared: bool) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    framing = f"Content-Length: {_GIGABYTE}" if declared else "Transfer-Encoding: chunked"
    writer.write(_head(port, framing))
    sent = 0

    async def send() -> None:
        nonlocal sent
        piece = b" " * _MIB if declared else b"%x\r\n%b\r\n" % (_MIB, b" " * _MIB)
        with suppress(OSError):
            while sent < _GIGABYTE:
                writer.write(piece)
                await writer.drain()
                sent += _MIB

    sending = asyncio.create_task(send())
    status, _ = await load.read_answer(reader)
    sending.cancel()
    writer.close()
    return f"{status} after {sent // _MIB} MiB"


async def _wide(port: int) -> str:
    body = b'{"model":"mini","messages":[],"x":[' + b"[]," * 11_000_000 + b"1]}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_head(port, f"Content-Length: {len(body)}") + body)
    status, _ = await load.read_answer(reader)
    writer.close()
    return f"{status}"


async def _bomb(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(load.request(port, load.body("bomb", stream=False)))
    status, _ = await load.read_answer(reader)
    writer.close()
    return f"{status}, from another target"


async def _idle(port: int) -> str:
    wires: list[Wire] = []
    for _ in range(_IDLE // _AT_ONCE):
        wires += await asyncio.gather(*[asyncio.open_connection("127.0.0.1", port) for _ in range(_AT_ONCE)])
    hearing = [asyncio.ensure_future(reader.read(1)) for reader, _ in wires]
    refused, quiet = await asyncio.wait(hearing, timeout=1)
    for task in quiet:
        task.cancel()
    for _, writer in wires:
        writer.close()
    return f"{len(quiet):,} open at once, {len(refused)} refused"


async def _drip(port: int) -> str:
    wires = await asyncio.gather(*[asyncio.open_connection("127.0.0.1", port) for _ in range(_DRIPPING)])

    async def drip(wire: Wire) -> int:
        reader, writer = wire
        writer.write(_head(port, "X: ")[:-4])
        answer = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        while not answer.done():
            writer.write(b"a")
            await asyncio.wait({answer}, timeout=0.5)
        writer.close()
        return int((await answer)[9:12])

    told = await asyncio.gather(*map(drip, wires))
    return ", ".join(f"{told.count(status)} × {status}" for status in sorted(set(told)))


def _head(port: int, line: str) -> bytes:
    first = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{first}{line}\r\n\r\n".encode()


@asynccontextmanager
async def _bombs() -> AsyncGenerator[int]:
    """A provider whose answers are a gigabyte of zeros, compressed: its port."""
    bomb = gzip.compress(bytes(_GIGABYTE), compresslevel=9)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(asked.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
            writer.write(head + b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
