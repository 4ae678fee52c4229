"""Attacks that are in one request or one answer: too large, too deep, compressed too well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from policyroute.request.ingest import MOST_BRACKETS
from scripts.benchmarks import load, processes
from scripts.benchmarks.crowd import Seen, beside, code, guests
from scripts.benchmarks.report import Figure

_GIGABYTE = 1_000_000_000
_PIECE = b"x" * 65_536
_MOST = 32 * 1024 * 1024


async def run(port: int, pid: int) -> list[Figure]:
    figures: list[Figure] = []
    for what, chunked, limit in (("said by its head", False, 8), ("in chunks", True, 72)):
        status, sent, grown = await _gigabyte(port, pid, chunked=chunked)
        detail = f"answer {status}, {sent / 2**20:.0f} MiB sent"
        figures += [Figure(f"a body of 1 GB, {what}: growth at its peak", grown, "MiB", limit, detail)]
    for model, stream in (("bomb", False), ("bomb-in-a-stream", True)):
        body = load.body(model, stream=stream, size=500)
        answer, seen, grown = await _asked(port, pid, body)
        detail = f"{_said(answer)}; longest wait beside it {seen.stall * 1000:.0f} ms, {seen.failed} failed"
        figures.append(Figure(f"1 GiB in a gzip, {model}: growth at its peak", grown, "MiB", 100, detail))
    for what, make, most in _BODIES:
        body = make()
        answer, seen, grown = await _asked(port, pid, body)
        detail = f"{_said(answer)}; growth {grown:.0f} MiB, {seen.failed} others failed"
        figures.append(Figure(f"{what}: longest wait beside it", seen.stall * 1000, "ms", most, detail))
    return figures


def _said(answer: bytes) -> str:
    return f"answer {answer[9:12].decode()} {code(answer)}"


async def _gigabyte(port: int, pid: int, *, chunked: bool) -> tuple[int, int, float]:
    """The status that the client reads, the bytes it got rid of, MiB that the process grew."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {_GIGABYTE}"
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    resident = processes.rss_bytes(pid)
    async with beside(port, pid) as seen:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}{framing}\r\n\r\n".encode())
        sending = asyncio.create_task(_flood(writer, b"10000\r\n%b\r\n" % _PIECE if chunked else _PIECE))
        async with asyncio.timeout(60):
            status, _ = await load.read_answer(reader)
        sent = await sending
        writer.close()
    return status, sent, (seen.peak - resident) / 2**20


async def _flood(writer: asyncio.StreamWriter, piece: bytes) -> int:
    sent = 0
    with suppress(OSError):
        while sent < _GIGABYTE:
            writer.write(piece)
            await writer.drain()
            sent += len(_PIECE)
    return sent


async def _asked(port: int, pid: int, body: bytes) -> tuple[bytes, Seen, float]:
    resident = processes.rss_bytes(pid)
    async with beside(port, pid) as seen:
        [guest] = await guests(port, 1)
        guest.transport.write(
            load.request(port, body).replace(b"\r\nContent-Type", b"\r\nConnection: close\r\nContent-Type")
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await guest.over.wait()
    guest.transport.abort()
    return guest.got, seen, (seen.peak - resident) / 2**20


def _deep() -> bytes:
    return b'{"model":"proper","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def _deepest() -> bytes:
    return b'{"model":"proper","messages":' + b"[" * (_MOST - 100) + b"}"


def _long() -> bytes:
    return load.body("proper", stream=False, size=_MOST - 1000)


def _scattered() -> bytes:
    start = b'{"model":"proper","messages":[{"role":"user","content":"x"}],"metadata":{"a":['
    return start + b"[]," * ((_MOST - 100) // 3 - len(start)) + b"[]]}}"


def _talkative() -> bytes:
    turn = b'{"role":"user","content":"x"}'
    return b'{"model":"proper","messages":[' + b",".join([turn] * (MOST_BRACKETS - 10)) + b"]}"


_BODIES: tuple[tuple[str, Callable[[], bytes], float], ...] = (
    ("JSON 100,000 deep", _deep, 50),
    ("JSON of 32 MiB, all of it depth", _deepest, 250),
    ("JSON of 32 MiB, one long text", _long, 500),
    ("JSON of 32 MiB, all of it tiny lists", _scattered, 250),
    ("JSON of as many messages as there may be brackets", _talkative, 1000),
)
