"""Records as rows of one SQLite file, which all processes share: each row is a line as a file of JSON lines has it.

Rule of this module: rows are added, never changed. What SQLite has committed was synced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from policyroute.audit import Head, read
from policyroute.audit.chain import NOTHING
from policyroute_asgi.audit.sink import Last, Row
from policyroute_asgi.state import database

NAME: Final = "audit.db"
VERSION: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE entries (chain TEXT NOT NULL, n INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (chain, n)) STRICT",
    f"PRAGMA user_version = {VERSION}",
)
_LAST: Final = """SELECT chain, n, CAST(line AS BLOB) FROM entries WHERE chain =
    (SELECT chain FROM entries WHERE chain >= ? AND chain < ? ORDER BY rowid DESC LIMIT 1) ORDER BY n DESC LIMIT 1"""


class SqliteSink:
    """In the directory's `audit.db`, which is made. Raises sqlite3.Error and OSError."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        with database.alone(self._path.with_name(NAME + ".lock")):
            _prepared(self._path)
        self._file = self._path.stat().st_ino
        self._connection = database.writer(self._path)

    def last(self, slot: str) -> Last | None:
        found = self._connection.execute(_LAST, (f"{slot}-", f"{slot}.")).fetchone()
        if found is None:
            return None
        chain, n, line = found
        entry = read(line)
        if entry is None or not entry.intact or (entry.chain, entry.n) != (chain, n):
            return Last(Head(chain, n, NOTHING))  # it was changed, and its number is taken all the same
        return Last(entry.head)

    def write(self, rows: Sequence[Row]) -> bool:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO entries VALUES (?, ?, ?)",
                [(row.head.chain, row.head.n, row.line.decode()) for row in rows],
            )
        return False

    def gone(self) -> bool:
        try:
            return self._path.stat().st_ino != self._file
        except FileNotFoundError:
            return True

    def surplus(self) -> int:
        return 0

    def forget(self) -> None:
        pass

    def close(self) -> None:
        self._connection.close()


def _prepared(path: Path) -> None:
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, timeout=database.BUSY, isolation_level=None)) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise OSError(f"{path} is of version {version}, and this release knows {VERSION}")
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise OSError("its file system cannot share memory: records must be on a local disk")
        if version < VERSION:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("COMMIT")
