"""A provider that means no good, and answers properly where it is asked for `proper`: the model says what it does.

Run as `python -m scripts.benchmarks.hostile PORT`. It writes its own HTTP, since servers would not let it.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import cache

import orjson
import uvloop

from scripts.benchmarks.processes import raise_files
from scripts.benchmarks.upstream import ANSWER, STREAM

BOMB = 1 << 30
FLOOD = 8 << 20
"""Bytes of a bomb once it is inflated, and of a stream that is too long for those who do not read."""

_EVENT = STREAM[1].replace(b'"content":"', b'"content":"' + b"x" * 1000)


def _head(kind: bytes, *more: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"content-type: " + kind, b"connection: close", *more]
    return b"\r\n".join([*lines, b"", b""])


_JSON = b"application/json"
_SSE = b"text/event-stream"
_GZIP = b"content-encoding: gzip"

_DRIPPED = {
    "drip-head": (b"H", _head(_JSON)[1:]),
    "drip-json": (_head(_JSON), ANSWER),
    "drip-stream": (_head(_SSE) + STREAM[0] + STREAM[1], b"".join(STREAM)),
}
"""What comes at once, and what comes a byte a second."""


@cache
def _bomb(start: bytes) -> bytes:
    """`start`, and then nothing but blanks."""
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(start)]
    packed += [packer.compress(b" " * (1 << 20)) for _ in range(BOMB >> 20)]
    return b"".join([*packed, packer.flush()])


async def _said(model: str) -> AsyncGenerator[bytes]:
    """What is sent, each part when the one before has been taken."""
    match model:
        case "flood":
            yield _head(_SSE)
            for _ in range(FLOOD // len(_EVENT)):
                yield _EVENT
            yield STREAM[-2] + STREAM[-1]
        case "bomb":
            yield _head(_JSON, _GZIP) + _bomb(b"{")
        case "bomb-in-a-stream":
            yield _head(_SSE, _GZIP) + _bomb(STREAM[1])
        case "drip-head" | "drip-json" | "drip-stream":
            start, rest = _DRIPPED[model]
            yield start
            for place in range(len(rest)):
                await asyncio.sleep(1)
                yield rest[place : place + 1]
        case _:
            yield _head(_JSON, b"content-length: %d" % len(ANSWER)).replace(b"connection: close\r\n", b"") + ANSWER


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            model: str = orjson.loads(await reader.readexactly(length))["model"]
            async for part in _said(model):
                writer.write(part)
                await writer.drain()
            if model != "proper":
                break
    writer.close()


async def _main(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port, backlog=2048, limit=1 << 26)
    await server.serve_forever()


if __name__ == "__main__":
    raise_files()
    uvloop.run(_main(int(sys.argv[1])))
