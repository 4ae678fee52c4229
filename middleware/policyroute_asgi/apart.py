"""Work that may wait for a disk for ever, on a thread that no end of a process waits for.

Rule of this module: the threads of executors are joined at the end, these are not. A file server that is gone keeps
whoever reads from it, and must not keep the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

_Work = SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]

_PATIENCE: Final = 2.0
"""Seconds that work which is going on may still take at the end: a build does, a read that hangs does not."""


class Apart:
    """One thread, which does what it is given one after the other. Used on one event loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: _Work = SimpleQueue()
        self._started = self._closed = False

    async def do(self, work: Callable[[], Result]) -> Result:
        """What `work` gives or raises. It goes on where its caller is cancelled, and what comes next waits for it."""
        if self._closed:
            raise RuntimeError("it is closed")
        if not self._started:
            self._started = True
            threading.Thread(target=_run, args=(self._work,), name=self._name, daemon=True).start()
        done: Future[Result] = Future()
        self._work.put((work, done))
        return await asyncio.wrap_future(done)

    async def aclose(self) -> None:
        """Wait for what goes on, for a moment, and end."""
        if self._started and not self._closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self.do(_nothing)
        self.close()

    def close(self) -> None:
        self._closed = True
        self._work.put(None)


async def once(work: Callable[[], Result], name: str) -> Result:
    """`work` on a thread of its own."""
    thread = Apart(name)
    try:
        return await thread.do(work)
    finally:
        thread.close()


def _run(given: _Work) -> None:
    while (order := given.get()) is not None:
        work, done = order
        if not done.set_running_or_notify_cancel():
            continue
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.set_exception(error)
        else:
            done.set_result(result)
        del order, work, done  # not to be held on to until something else is to be done


def _nothing() -> None:
    pass
