"""A provider on a real socket that does what a test says, byte by byte: answer, stall, cut, reset, talk nonsense."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import orjson

PATIENCE = 15.0
"""Seconds after which a test stops waiting for what should have come at once."""


@dataclass
class Asked:
    """One request as it came in, and the connection it came on."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def left(self) -> None:
        """Returns when the other side has closed the connection."""
        with suppress(ConnectionError):
            assert await asyncio.wait_for(self.reader.read(), PATIENCE) == b""

    def reset(self) -> None:
        """Drop the connection with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Asked], Awaitable[bool | None]]
"""What is done with a request. True keeps the connection for another one."""


@dataclass
class Provider:
    script: Script
    port: int = 0
    asked: list[Asked] = field(default_factory=list[Asked])
    connections: int = 0
    trouble: list[BaseException] = field(default_factory=list[BaseException])
    secured: bool = False

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self.port}/v1" if self.secured else f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while await self.script(await self._read(reader, writer, number)):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception as error:  # noqa: BLE001 - told to the test, which runs elsewhere
            self.trouble.append(error)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(head[0], headers, body, number, reader, writer)
        self.asked.append(asked)
        return asked


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncGenerator[int]:
    """Connections are served while the block runs, and cut with it. Yields the port."""
    tasks: set[asyncio.Future[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def provider(script: Script, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Provider]:
    """Runs while the block does. Fails the test for what went wrong in the script."""
    running = Provider(script, secured=tls is not None)
    try:
        async with listening(running.serve, tls) as running.port:
            yield running
    finally:
        for error in running.trouble:
            raise error


def http(status: str, body: bytes, *headers: str) -> bytes:
    """A whole answer with its length."""
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def part(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def answer(text: str = "Hello") -> bytes:
    """A Chat Completions answer."""
    return orjson.dumps(
        {
            "id": "c1",
            "object": "chat.completion",
            "model": "m-1",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
    )


def event(delta: dict[str, str] | None = None, finish: str | None = None) -> bytes:
    """One SSE event of a Chat Completions stream."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return b"data: " + orjson.dumps({"id": "c1", "model": "m-1", "choices": [choice]}) + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
LAST = event(finish="stop") + b"data: [DONE]\n\n"


def text(said: str) -> bytes:
    return event({"content": said})


def error(message: str, code: str = "") -> bytes:
    return orjson.dumps({"error": {"message": message, "type": "error", "code": code}})
