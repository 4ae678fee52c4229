"""Clients that keep asking at their own pace whatever happens, and know of every request what became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from scripts.benchmarks import load

_REVISION = b"x-policyroute-revision: "


@dataclass(frozen=True, slots=True)
class Kind:
    """`loops` clients that ask this, `pause` seconds after each answer; `fresh`: over a new connection each time."""

    content: bytes
    loops: int
    pause: float
    fresh: bool = False


@dataclass
class Tally:
    """`broken` are the local ports of connections that ended under a request, `refused` other failures; `open` those
    under which a request is open now. `latest` has, for each revision, when the last request it decided was sent."""

    answered: int = 0
    broken: list[int] = field(default_factory=list[int])
    refused: list[str] = field(default_factory=list[str])
    open: set[int] = field(default_factory=set[int])
    latest: dict[bytes, float] = field(default_factory=dict[bytes, float])

    @property
    def failed(self) -> int:
        return len(self.broken) + len(self.refused)


class Steady:
    def __init__(self, port: int, kinds: list[Kind]) -> None:
        self.tally = Tally()
        self._port = port
        self._stop = False
        self._tasks = [asyncio.create_task(self._ask_on(kind)) for kind in kinds for _ in range(kind.loops)]

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def _ask_on(self, kind: Kind) -> None:
        while not self._stop:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as error:
                self.tally.refused.append(f"cannot connect: {error}")
                await asyncio.sleep(kind.pause)
                continue
            port: int = writer.get_extra_info("sockname")[1]
            try:
                await self._ask_over(reader, writer, port, kind)
            except (OSError, asyncio.IncompleteReadError):
                self.tally.broken.append(port)
            self.tally.open.discard(port)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _ask_over(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, kind: Kind
    ) -> None:
        """As long as the connection lasts. One that is found closed before a request is sent fails nobody."""
        message = load.request(self._port, kind.content)
        while not (self._stop or reader.at_eof() or reader.exception()):
            sent = time.perf_counter()
            self.tally.open.add(port)
            writer.write(message)
            head, content = await load.read_whole(reader)
            self.tally.open.discard(port)
            self._account(head, content, sent)
            await asyncio.sleep(kind.pause)
            if kind.fresh or b"connection: close" in head:
                return

    def _account(self, head: bytes, content: bytes, sent: float) -> None:
        whole = content.endswith(b"[DONE]\n\n") if b"event-stream" in head else b"chat.completion" in content
        if not (head.startswith(b"http/1.1 200") and whole):
            self.tally.refused.append(head.partition(b"\r\n")[0].decode())
            return
        self.tally.answered += 1
        revision = head.partition(_REVISION)[2].partition(b"\r\n")[0]
        self.tally.latest[revision] = max(sent, self.tally.latest.get(revision, 0.0))


@asynccontextmanager
async def asking(port: int, kinds: list[Kind]) -> AsyncGenerator[Tally]:
    """The tally is complete when the block has been left."""
    steady = Steady(port, kinds)
    try:
        yield steady.tally
    finally:
        await steady.stop()


async def until(so: Callable[[], Awaitable[bool]]) -> None:
    """Raises TimeoutError after two minutes."""
    async with asyncio.timeout(120):
        while not await so():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.01)
