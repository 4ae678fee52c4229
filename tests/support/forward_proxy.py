"""A forward proxy on a real socket: tunnels for CONNECT, and requests with whole URLs; it notes what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.providers import listening


@dataclass
class ForwardProxy:
    port: int = 0
    lines: list[str] = field(default_factory=list[str])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = await reader.readuntil(b"\r\n\r\n")
        first, *rest = raw.decode().split("\r\n")
        self.lines.append(first)
        self.headers.append({name.lower(): value for name, _, value in (line.partition(": ") for line in rest if line)})
        method, url, _ = first.split(" ")
        parts = urlsplit(f"//{url}" if method == "CONNECT" else url)
        there, thither = await asyncio.open_connection("127.0.0.1", parts.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            thither.write(raw.replace(url.encode(), parts.path.encode(), 1))
        await asyncio.gather(_copied(reader, thither), _copied(there, writer))


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def forward_proxy() -> AsyncGenerator[ForwardProxy]:
    running = ForwardProxy()
    async with listening(running.serve) as running.port:
        yield running
