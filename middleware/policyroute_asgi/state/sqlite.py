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
from typing import Final

from policyroute_asgi.state import database, filing
from policyroute_asgi.state.filing import Longer
from policyroute_asgi.state.rows import Place, Row
from policyroute_asgi.state.sealed import Seal
from policyroute_asgi.state.store import StateError
from policyroute_asgi.state.unwritten import Write, WriteBehind

logger = logging.getLogger("policyroute.state")

NAME: Final = "state.db"
_GATHER: Final = 0.005
"""Seconds that a transaction waits for more writes that nobody waits for."""
_BATCH: Final = 500
"""Writes of one transaction."""
_MOST_LONGER: Final = 10_000
"""What waits at most, where what is kept shall be kept longer: that is not lost if it is not asked for."""
_SWEEP: Final = 60.0
_SWEPT: Final = 500
"""Rows that go in one transaction, and seconds between two times to look for some."""
DISK: Final = 2 * 1024 * 1024 * 1024
"""Bytes of the file. Beyond that what has the least time left goes."""
_TOO_MANY: Final = 50
"""Rows that go in one transaction where the file is too large: few, for they may be large too."""
_PATIENCE: Final = 5.0
"""Seconds for what waits to be written, at the end."""


class SqliteStore(WriteBehind):
    """In `path`, which is made. Several processes may use one file. `clock` gives seconds since 1970.

    Raises sqlite3.Error, OSError, and NewerVersion.
    """

    def __init__(self, path: Path, seal: Seal, clock: Callable[[], float] = time.time, disk: int = DISK) -> None:
        super().__init__(seal, clock)
        self.degraded = False  # what is in a file is read by all
        self._path = path
        self._disk = disk
        self._queue: SimpleQueue[Write | Longer | None] = SimpleQueue()
        database.prepared(path)
        self._reader = database.reader(path)
        connection = database.writer(path)
        self._thread = threading.Thread(
            target=self._write_all, args=(connection,), name="policyroute-state", daemon=True
        )
        self._thread.start()

    def keep_longer(self, kind: str, key: str, ttl: float) -> None:
        if not self._closed and self._queue.qsize() < _MOST_LONGER:
            self._queue.put(Longer((kind, key), ttl))

    async def aclose(self) -> None:
        self._reader.close()  # first: who closes a file last tidies it up, which takes time
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, _PATIENCE)

    def _take(self, write: Write) -> None:
        self._unwritten.add(write)
        self._queue.put(write)

    async def _read(self, place: Place) -> Row | None:
        try:
            return filing.read(self._reader, self._seal, place)
        except sqlite3.Error as error:
            logger.error("state: cannot read: %s", error)
            return None

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

    def _next_batch(self, patience: float) -> list[Write | Longer] | None:
        """What waits, at most so many; None at the end. As long as nobody waits for any of it, what comes within a
        moment goes with it: each sync costs as much as hundreds of rows."""
        batch: list[Write | Longer] = []
        last = 0.0
        try:
            first = self._queue.get(timeout=patience)
            last = time.monotonic() + _GATHER
            while first is not None:
                batch.append(first)
                if len(batch) == _BATCH:
                    return batch
                last = 0.0 if isinstance(first, Write) and first.done is not None else last
                first = self._queue.get(timeout=max(0.0, last - time.monotonic()))
        except Empty:
            return batch
        if not batch:
            return None
        self._queue.put(None)  # the end comes after these
        return batch

    def _commit(self, connection: sqlite3.Connection, batch: list[Write | Longer]) -> None:
        trouble: Exception | None = None
        try:
            filing.filed(connection, self._seal, batch, self._clock())
        except Exception as error:  # noqa: BLE001 - whatever it is: they wait for an answer, and others come
            said = error if isinstance(error, sqlite3.Error) else type(error).__name__
            logger.error("state: cannot write to %s: %s", self._path, said)
            trouble = StateError(str(said))
        writes = [each for each in batch if isinstance(each, Write)]
        self._unwritten.remove(writes)
        for write in writes:  # in order: who is told may ask how many were dropped before
            self.dropped += not write.told(trouble)

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
