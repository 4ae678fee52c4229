"""A store in Redis or Valkey, which processes on several machines share, and what one process does while it is down.

Rule of this module: values are sealed before they leave, and changed by comparing and setting. What this process has
read or written it knows by itself: that is what it goes by while the server does not serve, and what it changed
meanwhile it changes there once it does again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from policyroute_asgi.state.address import Address
from policyroute_asgi.state.remote import Down, Remote
from policyroute_asgi.state.rows import Place, Row, Rows
from policyroute_asgi.state.sealed import NONCE, Seal
from policyroute_asgi.state.store import SOON, StateError
from policyroute_asgi.state.unwritten import Write, WriteBehind, foreseen

_KNOWN: Final = 32 * 1024 * 1024
"""Bytes of what this process has read or written there."""
_TRIES: Final = 1000
"""Of changing a row that others change at the same time: each time, one of them has."""
_PATIENCE: Final = 5.0
"""Seconds for what waits to be written, at the end."""


class RedisStore(WriteBehind):
    """At `address`, which is connected to when something is asked. `failed` is called for all that goes wrong there."""

    def __init__(self, address: Address, seal: Seal, failed: Callable[[], None] = lambda: None) -> None:
        super().__init__(seal, time.monotonic)
        self._remote = Remote(address.url, address.name, failed, self._all_again)
        self._known = Rows(_KNOWN)
        self._busy: dict[Place, asyncio.Task[None]] = {}
        self._lengthening: set[asyncio.Task[None]] = set()

    @property
    def degraded(self) -> bool:
        return not self._remote.up

    def keep_longer(self, kind: str, key: str, ttl: float) -> None:
        place, now = (kind, key), time.monotonic()
        known = self._known.get(place, now)
        if known is not None:
            if known.until >= now + (1 - SOON) * ttl:
                return
            self._known.put(place, known._replace(until=now + ttl))
        if self._remote.up and not self._closed:
            task = asyncio.create_task(self._lengthen(place, ttl))
            self._lengthening.add(task)
            task.add_done_callback(self._lengthening.discard)

    async def aclose(self) -> None:
        self._closed = True
        tasks = {*self._busy.values(), *self._lengthening}
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)
        await self._remote.aclose()

    # What is read -----------------------------------------------------------------------------------------------------

    async def _read(self, place: Place) -> Row | None:
        try:
            sealed, left = await self._remote.get(self._name(place))
        except Down:
            return self._known.get(place, time.monotonic())
        if sealed is None:
            return self._missed(place)
        return self._seen(place, sealed, left)

    def _seen(self, place: Place, sealed: bytes, left: float) -> Row | None:
        """None where it was closed with another key."""
        value = self._seal.opened(self._name(place), sealed)
        if value is None:
            return None
        now = time.monotonic()
        row = Row(value, now + left, sealed[:NONCE], now)
        self._known.put(place, row)
        return row

    def _missed(self, place: Place) -> Row | None:
        """It is not there: what this process has instead is put there again."""
        known = self._lost(place)
        if known is not None:
            value = known.value
            left = known.until - time.monotonic()
            self.update_later(*place, lambda kept: value if kept is None else kept, left)
        return known

    def _lost(self, place: Place) -> Row | None:
        """What was known before the server last came back may have been lost with it; else it is over."""
        known = self._known.get(place, time.monotonic())
        if known is not None and known.seen < self._remote.since:
            return known
        self._known.forget(place)
        return None

    # What is written --------------------------------------------------------------------------------------------------

    def _take(self, write: Write) -> None:
        """Where there is too much, the oldest are known to this process only from now on."""
        while True:
            try:
                self._unwritten.add(write)
                break
            except StateError:
                self._give_up(self._unwritten.places()[0])
        if self._remote.up:
            self._settling(write.place)
        else:
            self._local(write.place)

    def _give_up(self, place: Place) -> None:
        """Too much waits: the server will not hear of this."""
        writes, now = self._unwritten.of(place), time.monotonic()
        row = foreseen(self._known.get(place, now), writes, now)
        if row is not None:
            self._known.put(place, Row(row.value, row.until))
        self._unwritten.remove(writes)
        self.dropped += len(writes)

    def _local(self, place: Place) -> None:
        """The server does not serve: this process goes by what it has, and whoever waits for it is told so."""
        now, failed = time.monotonic(), list[Write]()
        row = self._known.get(place, now)
        for write in self._unwritten.of(place):
            if write.done is None and write.made is not None:
                row = Row(write.made, write.until)
                continue
            row = write.applied(row, now)
            if write.error is not None:
                failed.append(write)
            self.dropped += not write.told()
        self._unwritten.remove(failed)

    async def _all_again(self) -> None:
        for place in self._unwritten.places():
            if not self._remote.up:
                return
            await asyncio.wait({self._settling(place)})

    def _settling(self, place: Place) -> asyncio.Task[None]:
        if place not in self._busy:
            self._busy[place] = asyncio.create_task(self._settle(place))
        return self._busy[place]

    async def _settle(self, place: Place) -> None:
        """Write what waits for this row, in order, as long as there is some and the server serves."""
        try:
            while writes := self._unwritten.of(place):
                await self._written(place, writes)
                self._unwritten.remove(writes)
                self.dropped += sum(not write.told() for write in writes)
        except Down:
            self._local(place)
        finally:
            del self._busy[place]

    async def _written(self, place: Place, writes: Sequence[Write]) -> None:
        """All in one, on top of what is there. Raises Down."""
        base = self._known.get(place, time.monotonic())
        mark = base.mark if base is not None else b""
        for _ in range(_TRIES):
            now, row = time.monotonic(), base
            for write in writes:
                row = write.applied(row, now)
            if row is None or all(write.error is not None for write in writes):
                return
            done, there = await self._sent(place, row, mark, writes)
            if done:
                return
            mark = there[:NONCE] if there is not None else b""
            base = self._seen(place, there, row.until - now) if there is not None else self._lost(place)
            writes = [write for write in writes if not mark or write.tried != mark]  # it arrived, but not the answer
        for write in writes:
            write.error = StateError("too many change it at the same time")

    async def _sent(self, place: Place, row: Row, mark: bytes, writes: Sequence[Write]) -> tuple[bool, bytes | None]:
        """Whether the row is there now, or what is there instead. Raises Down."""
        name, left = self._name(place), row.until - time.monotonic()
        if left <= 0:
            await self._remote.forget(name)
            self._known.forget(place)
            return True, None
        sealed = self._seal.closed(name, row.value)
        for write in writes:
            write.tried = sealed[:NONCE]
        if any(write.change is None for write in writes):  # whatever is there
            await self._remote.put(name, sealed, left)
        else:
            done, there = await self._remote.replace(name, mark, sealed, left)
            if not done:
                return False, there
        self._known.put(place, Row(row.value, row.until, sealed[:NONCE], time.monotonic()))
        return True, None

    async def _lengthen(self, place: Place, ttl: float) -> None:
        with suppress(Down):  # the next one will
            await self._remote.lengthen(self._name(place), ttl)

    def _name(self, place: Place) -> bytes:
        return b"policyroute:" + self._seal.name(*place)
