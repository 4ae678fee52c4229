"""Clients that keep asking a gateway over kept connections, and count what became of every request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx


@dataclass
class Outcome:
    """`broken` are the local ports of connections that ended under a request, `refused` other failures."""

    answered: int = 0
    broken: list[int] = field(default_factory=list[int])
    refused: list[str] = field(default_factory=list[str])
    revisions: list[str] = field(default_factory=list[str])
    reconnects: int = 0


class Hammer:
    """Each of its connections has one request open at a time, and is kept until the gateway says to close it."""

    def __init__(self, url: httpx.URL, connections: int, pause: float = 0.0) -> None:
        self.outcome = Outcome()
        self._host, self._port = url.host, url.port
        self._pause = pause
        self._stop = False
        self._news = asyncio.Event()
        self._tasks = [asyncio.create_task(self._hammer()) for _ in range(connections)]

    async def more(self, answers: int) -> None:
        """Until that many more have been answered."""
        wanted = self.outcome.answered + answers
        async with asyncio.timeout(60):
            while self.outcome.answered < wanted:
                self._news.clear()
                await self._news.wait()

    async def stop(self) -> Outcome:
        self._stop = True
        async with asyncio.timeout(60):
            await asyncio.gather(*self._tasks)
        return self.outcome

    async def _hammer(self) -> None:
        while not self._stop:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
            except OSError as error:
                self.outcome.refused.append(f"cannot connect: {error}")
                await asyncio.sleep(0.05)
                continue
            self.outcome.reconnects += 1
            try:
                await self._ask(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                self.outcome.broken.append(writer.get_extra_info("sockname")[1])
            writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "one two three"}]}).encode()
        head = (
            f"Host: {self._host}:{self._port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        request = b"POST /v1/chat/completions HTTP/1.1\r\n" + head.encode() + body
        while not self._stop:
            writer.write(request)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            headers = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if line)
            await reader.readexactly(int(headers["content-length"]))
            if " 200 " in answer.split("\r\n")[0]:
                self.outcome.answered += 1
                self.outcome.revisions.append(headers["x-policyroute-revision"])
            else:
                self.outcome.refused.append(answer.split("\r\n")[0])
            self._news.set()
            if headers.get("connection") == "close":
                return
            await asyncio.sleep(self._pause)


@asynccontextmanager
async def hammering(url: httpx.URL, connections: int = 12, pause: float = 0.0) -> AsyncGenerator[Hammer]:
    hammer = Hammer(url, connections, pause)
    try:
        yield hammer
    finally:
        await hammer.stop()


def ports_of(pid: int, port: int) -> set[int]:
    """The ports of the clients that are connected to `port` of this process, by the kernel's own books."""
    sockets = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    found: set[int] = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(fields[column].split(":")[1], 16) for column in (1, 2))
        if local == port and f"socket:[{fields[9]}]" in sockets:
            found.add(remote)
    return found
