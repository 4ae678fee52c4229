"""Writes that are on their way, what a row will be once they have arrived, and a store that is asked by way of them.

Rule of this module: one order, that in which they were given. A change that raises changes nothing, and is told to
whoever waits for it. Bounded in bytes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from policyroute_asgi.state.rows import Place, Row, alive
from policyroute_asgi.state.sealed import Seal
from policyroute_asgi.state.store import Change, StateError, checked

logger = logging.getLogger("policyroute.state")

_WRITE: Final = 1000
"""Bytes that a write costs while it waits, beside its value."""
_ROOM: Final = 32 * 1024 * 1024
"""Bytes that may wait to be written."""

Done = Callable[[bytes | Exception], None]
"""Is told what is kept now, or why it is not."""


@dataclass(slots=True, eq=False)
class Write:
    """`made` is what it makes of its row: known at once where that does not depend on what was there (no `change`),
    else before anybody else can see it there. `tried` is the mark of the version that it was last sent in."""

    place: Place
    until: float
    made: bytes | None
    change: Change | None = None
    done: Done | None = None
    size: int = 0
    error: Exception | None = None
    tried: bytes = b""

    def __post_init__(self) -> None:
        self.size = len(self.made or b"") + _WRITE

    def applied(self, row: Row | None, now: float) -> Row | None:
        """What it makes of this row."""
        if self.change is not None:
            self.error = None
            try:
                self.made = checked(self.change(alive(row, now)))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is that of one write
                self.error = error
                return row
        assert self.made is not None
        return Row(self.made, self.until)

    def told(self, trouble: Exception | None = None) -> bool:
        """Answer whoever waits for it, once. False where it is lost, and nobody heard of that."""
        done, self.done = self.done, None
        failed = trouble or self.error
        if done is not None:
            done(failed or self.made or b"")
            return True
        if self.error is not None:
            logger.error("state: a change to what is kept failed: %s", type(self.error).__name__)
        return failed is None


def foreseen(row: Row | None, writes: Sequence[Write], now: float) -> Row | None:
    """What a row will be. Where it may have been read after some of `writes` arrived, it was read after they were asked
    for: what is `made` then stands for it."""
    known = next((place for place in reversed(range(len(writes))) if writes[place].made is not None), -1)
    if known >= 0:
        row = Row(writes[known].made or b"", writes[known].until)
    for write in writes[known + 1 :]:
        if write.change is not None:
            with suppress(Exception):  # it is told when it arrives
                row = Row(checked(write.change(alive(row, now))), write.until)
    return row


class Unwritten:
    """Given on one thread; taken away on it, or on another. `room` is in bytes."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._size = 0
        self._lock = threading.Lock()
        self._writes: dict[Place, list[Write]] = {}

    def add(self, write: Write) -> None:
        """Raises StateError where there is too much."""
        with self._lock:
            if self._size > self._room:
                raise StateError("too much waits to be written")
            self._size += write.size
            self._writes.setdefault(write.place, []).append(write)

    def of(self, place: Place) -> tuple[Write, ...]:
        if place not in self._writes:  # nearly always
            return ()
        with self._lock:
            return tuple(self._writes.get(place, ()))

    def places(self) -> list[Place]:
        """The one that has waited longest first."""
        with self._lock:
            return list(self._writes)

    def remove(self, writes: Iterable[Write]) -> None:
        with self._lock:
            for write in writes:
                waiting = self._writes.get(write.place, [])
                if write in waiting:
                    waiting.remove(write)
                    self._size -= write.size
                if not waiting:
                    self._writes.pop(write.place, None)


class WriteBehind(ABC):
    """A store whose rows are elsewhere: what this process has written it reads at once. `clock` gives seconds."""

    def __init__(self, seal: Seal, clock: Callable[[], float]) -> None:
        self.dropped = 0
        self._seal = seal
        self._clock = clock
        self._closed = False
        self._unwritten = Unwritten(_ROOM)

    def derived(self, purpose: str) -> bytes:
        return self._seal.derived(purpose)

    async def get(self, kind: str, key: str) -> bytes | None:
        writes = self._unwritten.of((kind, key))  # before the row is read
        row = await self._read((kind, key)) if all(write.made is None for write in writes) else None
        now = self._clock()
        return alive(foreseen(row, writes, now) if writes else row, now)

    async def put(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        future, done = _acknowledgement()
        self._give(Write((kind, key), self._clock() + ttl, checked(value), done=done))
        await future

    def put_later(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        try:
            self._give(Write((kind, key), self._clock() + ttl, checked(value)))
        except (StateError, ValueError):
            self.dropped += 1

    async def update(self, kind: str, key: str, change: Change, ttl: float) -> bytes:
        future, done = _acknowledgement()
        self._give(Write((kind, key), self._clock() + ttl, None, change, done))
        return await future

    def update_later(self, kind: str, key: str, change: Change, ttl: float) -> None:
        try:
            self._give(Write((kind, key), self._clock() + ttl, None, change))
        except StateError:
            self.dropped += 1

    def _give(self, write: Write) -> None:
        if self._closed:
            raise StateError("it is closed")
        self._take(write)

    @abstractmethod
    def _take(self, write: Write) -> None:
        """Have it unwritten, and on its way. Raises StateError where there is too much."""

    @abstractmethod
    async def _read(self, place: Place) -> Row | None:
        """What is there, whether its time is over or not; None where that cannot be read."""


def _acknowledgement() -> tuple[asyncio.Future[bytes], Done]:
    """A future, and how it is told, from any thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()

    def settle(what: bytes | Exception) -> None:
        if not future.done():
            if isinstance(what, Exception):
                future.set_exception(what)
            else:
                future.set_result(what)

    def done(what: bytes | Exception) -> None:
        with suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(settle, what)

    return future, done
