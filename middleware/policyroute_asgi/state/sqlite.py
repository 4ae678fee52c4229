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

from policyroute_asgi.state.sealed import Seal
from policyroute_asgi.state.store import StateError, checked

logger = logging.getLogger("policyroute.state")

NAME: Final = "state.db"
VERSION: Final = 1
_SCHEMA: Final = (
    """CREATE TABLE kept (
        kind TEXT NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, until REAL NOT NULL, PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX kept_until ON kept (until)",
)
"""What each version adds to the one before it: the first makes all."""
_BATCH: Final = 500
"""Writes of one transaction."""
_ROOM: Final = 32 * 1024 * 1024
"""Bytes that may wait to be written."""
_BUSY: Final = 5.0
"""Seconds that a write waits for another process's."""
_SWEEP: Final = 60.0
_SWEPT: Final = 500
"""Rows whose time is over that go at once, and seconds between two such times."""
_PATIENCE: Final = 5.0
"""Seconds for what waits to be written, at the end."""

Done = Callable[[Exception | None], None]


class _Write(NamedTuple):
    """Of a value that is None the row goes."""

    kind: str
    name: bytes
    value: bytes | None
    until: float
    done: Done | None


class NewerVersion(Exception):
    """The file was written by a later release: it is not touched."""


class SqliteStore:
    """In `path`, which is made. Several processes may use one file. `clock` gives seconds since 1970.

    Raises sqlite3.Error for a file that is none, OSError, and NewerVersion.
    """

    def __init__(self, path: Path, seal: Seal, clock: Callable[[], float] = time.time) -> None:
        self.dropped = 0
        self._path = path
        self._seal = seal
        self._clock = clock
        self._waiting = 0
        self._writes: SimpleQueue[_Write | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._unwritten: dict[tuple[str, bytes], _Write] = {}  # the last of each row
        self._reader = _opened(path)
        _migrated(self._reader)
        self._thread = threading.Thread(target=self._write_all, name="policyroute-state", daemon=True)
        self._thread.start()

    async def get(self, kind: str, key: str) -> bytes | None:
        name = self._seal.name(kind, key)
        with self._lock:
            write = self._unwritten.get((kind, name))
        if write is not None:
            value = write.value if write.until > self._clock() else None
            return self._seal.opened(name, value) if value is not None else None
        try:
            row = self._reader.execute(
                "SELECT value FROM kept WHERE kind = ? AND name = ? AND until > ?", (kind, name, self._clock())
            ).fetchone()
        except sqlite3.Error as error:
            logger.error("state: cannot read: %s", error)
            return None
        return self._seal.opened(name, row[0]) if row is not None else None

    async def put(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        await self._written(self._row(kind, key, value, ttl))

    def put_later(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        try:
            self._give(self._row(kind, key, value, ttl))
        except (StateError, ValueError):
            self.dropped += 1

    async def delete(self, kind: str, key: str) -> None:
        await self._written(_Write(kind, self._seal.name(kind, key), None, 0.0, None))

    async def aclose(self) -> None:
        self._writes.put(None)
        await asyncio.to_thread(self._thread.join, _PATIENCE)
        self._reader.close()

    def _row(self, kind: str, key: str, value: bytes, ttl: float) -> _Write:
        name = self._seal.name(kind, key)
        return _Write(kind, name, self._seal.closed(name, checked(value)), self._clock() + ttl, None)

    async def _written(self, write: _Write) -> None:
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

        self._give(write._replace(done=done))
        await future

    def _give(self, write: _Write) -> None:
        if self._waiting > _ROOM or not self._thread.is_alive():
            raise StateError("too much waits to be written")
        self._waiting += len(write.value or b"")
        with self._lock:
            self._unwritten[write.kind, write.name] = write
        self._writes.put(write)

    # On the writer's thread -------------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        connection = _opened(self._path)
        swept = time.monotonic()
        try:
            while (batch := self._next_batch()) is not None:
                if batch:
                    self._commit(connection, batch)
                if time.monotonic() - swept > _SWEEP:
                    swept = time.monotonic()
                    self._sweep(connection)
        finally:
            connection.close()

    def _next_batch(self) -> list[_Write] | None:
        """What waits, at most so many; None at the end."""
        batch: list[_Write] = []
        try:
            first = self._writes.get(timeout=_SWEEP)
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
                for write in batch:
                    if write.value is None:
                        connection.execute("DELETE FROM kept WHERE kind = ? AND name = ?", write[:2])
                    else:
                        connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", write[:4])
        except sqlite3.Error as error:
            logger.error("state: cannot write to %s: %s", self._path, error)
            trouble = error
        for write in batch:
            self._waiting -= len(write.value or b"")
            with self._lock:
                if self._unwritten.get((write.kind, write.name)) is write:
                    del self._unwritten[write.kind, write.name]
            if write.done is not None:
                write.done(trouble)
            elif trouble is not None:
                self.dropped += 1

    def _sweep(self, connection: sqlite3.Connection) -> None:
        with suppress(sqlite3.Error), connection:
            connection.execute(
                "DELETE FROM kept WHERE (kind, name) IN (SELECT kind, name FROM kept WHERE until <= ? LIMIT ?)",
                (self._clock(), _SWEPT),
            )


def _opened(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)  # what SQLite keeps beside it has the mode of this
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    version = _version(connection)
    if version > VERSION:
        connection.close()
        raise NewerVersion(f"it is of version {version}, and this release knows {VERSION}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _migrated(connection: sqlite3.Connection) -> None:
    if _version(connection) == VERSION:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")  # of several processes one does it
        if _version(connection) < 1:
            for statement in _SCHEMA:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found
