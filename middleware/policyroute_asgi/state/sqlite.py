"""A store in a file: SQLite in WAL mode, read where it is asked, written by one thread for all that wait.

Rule of this module: the event loop never waits for the disk but for a read of one row, which in WAL mode waits for no
writer. What this process has written it reads at once. What `put` has returned from was synced: it survives the end of
the process and of the machine.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from policyroute_asgi.state import database
from policyroute_asgi.state.sealed import Seal
from policyroute_asgi.state.store import StateError, checked

logger = logging.getLogger("policyroute.state")

NAME: Final = "state.db"
_BATCH: Final = 500
"""Writes of one transaction."""
_ROOM: Final = 32 * 1024 * 1024
"""Bytes that may wait to be written."""
_SWEEP: Final = 60.0
_SWEPT: Final = 500
"""Rows that go in one transaction, and seconds between two times to look for some."""
DISK: Final = 2 * 1024 * 1024 * 1024
"""Bytes of the file. Beyond that what has the least time left goes."""
_TOO_MANY: Final = 50
"""Rows that go in one transaction where the file is too large: few, for they may be large too."""
_WRITE: Final = 1000
"""Bytes that a write costs while it waits, beside its value."""
_PATIENCE: Final = 5.0
"""Seconds for what waits to be written, at the end."""

Done = Callable[[Exception | None], None]


class _Write(NamedTuple):
    kind: str
    name: bytes
    value: bytes
    until: float
    done: Done | None


class SqliteStore:
    """In `path`, which is made. Several processes may use one file. `clock` gives seconds since 1970.

    Raises sqlite3.Error, OSError, and NewerVersion.
    """

    def __init__(self, path: Path, seal: Seal, clock: Callable[[], float] = time.time, disk: int = DISK) -> None:
        self.dropped = 0
        self._path = path
        self._seal = seal
        self._clock = clock
        self._disk = disk
        self._waiting = 0
        self._closed = False
        self._lock = threading.Lock()
        self._writes: SimpleQueue[_Write | None] = SimpleQueue()
        self._unwritten: dict[tuple[str, bytes], _Write] = {}  # the last of each row
        database.prepared(path)
        self._reader = database.reader(path)
        connection = database.writer(path)
        self._thread = threading.Thread(
            target=self._write_all, args=(connection,), name="policyroute-state", daemon=True
        )
        self._thread.start()

    def derived(self, purpose: str) -> bytes:
        return self._seal.derived(purpose)

    async def get(self, kind: str, key: str) -> bytes | None:
        name = self._seal.name(kind, key)
        with self._lock:
            write = self._unwritten.get((kind, name))
        if write is not None:
            return self._seal.opened(name, write.value) if write.until > self._clock() else None
        try:
            row = self._reader.execute(
                "SELECT value FROM kept WHERE kind = ? AND name = ? AND until > ?", (kind, name, self._clock())
            ).fetchone()
        except sqlite3.Error as error:
            logger.error("state: cannot read: %s", error)
            return None
        return self._seal.opened(name, row[0]) if row is not None else None

    async def put(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(StateError(str(error)))

        def done(error: Exception | None) -> None:
            with suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(settle, error)

        self._give(self._row(kind, key, value, ttl, done))
        await future

    def put_later(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        try:
            self._give(self._row(kind, key, value, ttl))
        except (StateError, ValueError):
            self.dropped += 1

    async def aclose(self) -> None:
        self._reader.close()  # first: who closes a file last tidies it up, which takes time
        with self._lock:  # nothing comes after the end
            self._closed = True
            self._writes.put(None)
        await asyncio.to_thread(self._thread.join, _PATIENCE)

    def _row(self, kind: str, key: str, value: bytes, ttl: float, done: Done | None = None) -> _Write:
        name = self._seal.name(kind, key)
        return _Write(kind, name, self._seal.closed(name, checked(value)), self._clock() + ttl, done)

    def _give(self, write: _Write) -> None:
        with self._lock:
            if self._closed:
                raise StateError("it is closed")
            if self._waiting > _ROOM:
                raise StateError("too much waits to be written")
            self._waiting += _cost(write)
            self._unwritten[write.kind, write.name] = write
            self._writes.put(write)

    # On the writer's thread -------------------------------------------------------------------------------------------

    def _write_all(self, connection: sqlite3.Connection) -> None:
        due = time.monotonic() + self._swept(connection)
        while (batch := self._next_batch(max(0.0, due - time.monotonic()))) is not None:
            if batch:
                self._commit(connection, batch)
            if time.monotonic() >= due:
                due = time.monotonic() + self._swept(connection)
        with suppress(sqlite3.Error):
            connection.close()

    def _next_batch(self, patience: float) -> list[_Write] | None:
        """What waits, at most so many; None at the end."""
        batch: list[_Write] = []
        try:
            first = self._writes.get(timeout=patience)
            while first is not None:
                batch.append(first)
                if len(batch) == _BATCH:
                    return batch
                first = self._writes.get_nowait()
        except Empty:
            return batch
        if not batch:
            return None
        self._writes.put(None)  # the end comes after these
        return batch

    def _commit(self, connection: sqlite3.Connection, batch: list[_Write]) -> None:
        trouble: Exception | None = None
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", [row[:4] for row in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is: they wait for an answer, and others come
            said = error if isinstance(error, sqlite3.Error) else type(error).__name__
            logger.error("state: cannot write to %s: %s", self._path, said)
            trouble = StateError(str(said))
        with self._lock:
            for write in batch:
                self._waiting -= _cost(write)
                if self._unwritten.get((write.kind, write.name)) is write:
                    del self._unwritten[write.kind, write.name]
        for write in batch:
            if write.done is not None:
                write.done(trouble)
            elif trouble is not None:
                self.dropped += 1

    def _swept(self, connection: sqlite3.Connection) -> float:
        """Seconds until the next time: none where there is more to do."""
        try:
            gone = connection.execute(_SWEEP_OF.format("WHERE until <= ?"), (self._clock(), _SWEPT)).rowcount
            if gone < _SWEPT and self._is_full(connection):
                gone = connection.execute(_SWEEP_OF.format(""), (_TOO_MANY,)).rowcount
                return 0.0 if gone else _SWEEP
        except sqlite3.Error as error:
            logger.error("state: cannot forget what is over in %s: %s", self._path, error)
            return _SWEEP
        return 0.0 if gone == _SWEPT else _SWEEP

    def _is_full(self, connection: sqlite3.Connection) -> bool:
        pages, free, size = (connection.execute(f"PRAGMA {of}").fetchone()[0] for of in _SIZES)
        return bool((pages - free) * size > self._disk)


_SWEEP_OF: Final = "DELETE FROM kept WHERE (kind, name) IN (SELECT kind, name FROM kept {} ORDER BY until LIMIT ?)"
_SIZES: Final = ("page_count", "freelist_count", "page_size")


def _cost(write: _Write) -> int:
    return len(write.value) + _WRITE
