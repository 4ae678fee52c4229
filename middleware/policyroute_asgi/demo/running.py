"""A gateway on a real port, and what the tour needs to hear from it.

Rule of this module: the same parts that `policyroute serve` puts together, in this process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from policyroute_asgi.activation import PolicyHolder, Status
from policyroute_asgi.app import gateway
from policyroute_asgi.cli.process import Server, listen, url
from policyroute_asgi.preparation import Preparation

PATIENCE = 30.0


class LogLines:
    """The gateway's JSON lines by decision id. `take` is called from the thread that writes them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._found: dict[str, asyncio.Future[Mapping[str, Any]]] = {}

    def take(self, lines: bytes) -> None:
        for line in lines.splitlines():
            record = orjson.loads(line)
            self._loop.call_soon_threadsafe(self._keep, record)

    async def of(self, decision_id: str) -> Mapping[str, Any]:
        async with asyncio.timeout(PATIENCE):
            return await self._future(decision_id)

    def _keep(self, record: Mapping[str, Any]) -> None:
        future = self._future(record["decision_id"])
        if not future.done():
            future.set_result(record)

    def _future(self, decision_id: str) -> asyncio.Future[Mapping[str, Any]]:
        return self._found.setdefault(decision_id, self._loop.create_future())


@dataclass(slots=True)
class Running:
    """`served` ends when the gateway does."""

    url: str
    file: Path
    holder: PolicyHolder
    lines: LogLines
    served: asyncio.Task[None]
    _news: asyncio.Queue[Status] = field(default_factory=asyncio.Queue[Status])

    def heard(self, status: Status) -> None:
        self._news.put_nowait(status)

    async def edit(self, old: str, new: str) -> tuple[Status, float]:
        """Replace text in the policy file; what the gateway made of it, and seconds until it had."""
        text = await asyncio.to_thread(self.file.read_text)
        if old not in text:
            raise LookupError(f"{self.file} no longer has {old!r}")
        while not self._news.empty():
            self._news.get_nowait()
        start = time.monotonic()
        await asyncio.to_thread(_save, self.file, text.replace(old, new))
        async with asyncio.timeout(PATIENCE):
            status = await self._news.get()
        return status, time.monotonic() - start


def _save(file: Path, text: str) -> None:
    """As editors do: nobody ever sees half of it."""
    draft = file.with_name(f".{file.name}.new")
    draft.write_text(text)
    draft.replace(file)


@asynccontextmanager
async def running(file: Path, port: int) -> AsyncGenerator[Running]:
    """Raises OSError where the port is taken."""
    holder = PolicyHolder(Preparation(file.parent))
    with listen("127.0.0.1", port) as listener:
        await holder.start()
        lines = LogLines()
        app = gateway(holder, log=lines.take, grace=1)
        ready = asyncio.Event()
        server = Server(app, 1, ready.set)
        served = asyncio.create_task(server.run_on(listener))
        await ready.wait()
        here = Running(url(listener), file, holder, lines, served)
        holder.on_change(here.heard)
        try:
            yield here
        finally:
            server.should_exit = True
            await served
            await holder.aclose()
