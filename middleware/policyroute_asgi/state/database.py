"""The file that state is kept in: made, brought up to date, looked at for damage.

Rule of this module: one process opens it at a time, so that it is made, or moved aside, once. A damaged file is kept
for whoever wants to look at it, and one of a later release is not touched.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

logger = logging.getLogger("policyroute.state")

VERSION: Final = 1
_SCHEMA: Final = (
    """CREATE TABLE kept (
        kind TEXT NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, until REAL NOT NULL, PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX kept_until ON kept (until)",
)
"""What each version adds to the one before it: the first makes all."""
BUSY: Final = 5.0
"""Seconds that a write waits for another process's."""
_READ: Final = 0.05
"""Seconds that a read waits, which in WAL mode it has to only while somebody puts the log of a killed process right."""
_LOOK: Final = 1.0
"""Seconds that looking for damage may take: of a larger file only a part is seen."""
_TURN: Final = 15.0
"""Seconds to wait for another process that opens the file."""


class NewerVersion(Exception):
    """The file was written by a later release: it is not touched."""


def prepared(path: Path) -> None:
    """Have the file there, sound and of this version. It waits for the disk. Raises sqlite3.Error, OSError and
    NewerVersion."""
    with alone(path.with_name(path.name + ".lock")):
        try:
            _migrated(path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            aside = path.with_name(f"{path.name}.broken-{time.time_ns()}")
            path.rename(aside)
            logger.error("STATE IS LOST: %s is broken (%s) and was moved to %s", path, error, aside)
            _migrated(path)


def reader(path: Path) -> sqlite3.Connection:
    return _connected(path, _READ)


def writer(path: Path) -> sqlite3.Connection:
    return _connected(path, BUSY)


def _connected(path: Path, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def alone(lock: Path) -> Generator[None]:
    """One process at a time, by this file. It may wait for a moment. Raises OSError."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        last = time.monotonic() + _TURN
        while not _taken(handle):
            if time.monotonic() > last:
                raise BlockingIOError(f"another process has been opening it for {_TURN:.0f} seconds")
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)  # gives it back


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _migrated(path: Path) -> None:
    path.touch(mode=0o600)  # what SQLite keeps beside it has the mode of this
    with closing(sqlite3.connect(path, timeout=BUSY, isolation_level=None)) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise NewerVersion(f"it is of version {version}, and this release knows {VERSION}")
        _look_for_damage(connection)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise OSError("its file system cannot share memory: the state directory must be on a local disk")
        connection.execute("PRAGMA synchronous = FULL")
        if version < VERSION:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")


def _look_for_damage(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where there is some."""
    last = time.monotonic() + _LOOK
    connection.set_progress_handler(lambda: time.monotonic() > last, 10_000)
    try:
        found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        damage = sqlite3.DatabaseError("there are pages that make no sense")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _is_damage(error: sqlite3.Error) -> bool:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
