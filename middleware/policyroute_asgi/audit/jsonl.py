"""Records as files of JSON lines: each is named by its chain and by the number of its first entry.

Rule of this module: nothing that was written is written again, moved or renamed. A piece of a line that a killed
process left stays where it is, and gets its newline. What could not be written whole is taken back.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from policyroute.audit import Head, read
from policyroute_asgi import durably
from policyroute_asgi.audit.sink import Last, Row

logger = logging.getLogger("policyroute.audit")

SUFFIX: Final = ".jsonl"
_TAIL: Final = 1 << 18
"""Bytes of a file's end that are looked at first: more where no entry is in them."""


class JsonlSink:
    """`rotate` is bytes of a file; `keep` how many files of a chain there may be, None for all."""

    def __init__(self, directory: Path, rotate: int, keep: int | None = None) -> None:
        self._directory = directory
        self._rotate = rotate
        self._keep = keep
        self._path: Path | None = None
        self._handle = -1
        self._size = 0
        self._whole = True
        self._lead = b""
        self._surplus: list[Path] = []

    def last(self, slot: str) -> Last | None:
        chains = {chain_of(path) for path in self._directory.glob(f"{slot}-*{SUFFIX}")}
        if not chains:
            return None
        chain = max(chains, key=lambda each: files(self._directory, each)[-1].stat().st_mtime_ns)
        newest, *older = reversed(files(self._directory, chain))
        head, rest = _end(newest, chain)
        self._lead = b"\n" if rest else b""
        if rest and (entry := read(rest)) is not None and entry.intact:
            head, rest = entry.head, b""
        while head is None and older:
            head, _ = _end(older.pop(0), chain)
        self._open(newest)
        return Last(head or Head(chain), rest)

    def write(self, rows: Sequence[Row]) -> bool:
        data = self._lead + b"".join(row.line + b"\n" for row in rows)
        begins = self._handle < 0 or (self._size > 0 and self._size + len(data) > self._rotate)
        if begins:
            self._begin(rows[0].head)
            data = data.removeprefix(self._lead)
        self._mend()
        self._whole = False
        try:
            _put(self._handle, data)
            os.fdatasync(self._handle)
        except OSError:
            self._mend()
            raise
        self._size += len(data)
        self._whole, self._lead = True, b""
        return begins

    def gone(self) -> bool:
        if self._path is None:
            return False
        try:
            there, ours = self._path.stat(), os.fstat(self._handle)
        except FileNotFoundError:
            return True
        return (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev)

    def surplus(self) -> int:
        if not self._surplus or self._path is None:
            return 0
        kept = [path for path in files(self._directory, chain_of(self._path)) if path not in self._surplus]
        return _first(kept[0]) - 1

    def forget(self) -> None:
        surplus, self._surplus = self._surplus, []
        for path in surplus:
            path.unlink(missing_ok=True)
        durably.sync(self._directory)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._path = -1, None

    def _begin(self, head: Head) -> None:
        """A new file, for entries from this one on."""
        path = self._directory / f"{head.chain}.{head.n:012d}{SUFFIX}"
        self.close()
        self._open(path)
        self._lead = b""
        durably.sync(self._directory)
        if self._keep is not None:
            self._surplus = files(self._directory, head.chain)[: -self._keep]

    def _open(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._path, self._size, self._whole = path, os.fstat(self._handle).st_size, True

    def _mend(self) -> None:
        """Take back what was not written whole. Raises OSError."""
        if not self._whole:
            os.ftruncate(self._handle, self._size)
            self._whole = True


def chain_of(path: Path) -> str:
    return path.name.partition(".")[0]


def files(directory: Path, chain: str) -> list[Path]:
    """Those of a chain, in the order of their entries."""
    return sorted(directory.glob(f"{chain}.*{SUFFIX}"))


def _first(path: Path) -> int:
    number = path.name.split(".")[1]
    return int(number) if number.isdigit() else 1


def _put(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _end(path: Path, chain: str) -> tuple[Head | None, bytes]:
    """The last intact entry of the chain in a file, and what comes after its last newline."""
    with path.open("rb") as file:
        size, window = file.seek(0, os.SEEK_END), _TAIL
        while True:
            start = max(0, size - window)
            file.seek(start)
            *lines, rest = file.read().split(b"\n")
            for line in reversed(lines):
                entry = read(line)
                if entry is not None and entry.intact and entry.chain == chain:
                    return entry.head, rest
            if not start:
                return None, rest
            window *= 8
