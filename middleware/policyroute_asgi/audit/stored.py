"""What a directory of audit records holds, for whoever looks at them: chains, heads, and the records of a conversation.

Rule of this module: it only reads, also beside a gateway that writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policyroute.audit import AuditRecord, Entry, Head, Line, Marks, read
from policyroute_asgi.audit import jsonl, sqlite
from policyroute_asgi.audit.slots import HEAD, read_head

_LONGEST: Final = 64 << 20
"""Bytes of a line: what is longer is none of ours, and is read in pieces."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record, with the entry that it is in and the place of that (`FILE:LINE`)."""

    record: AuditRecord
    entry: Entry
    place: str


def chains(directory: Path) -> Mapping[str, Iterable[Line]]:
    """The lines of each chain, in order, by its name. They are read as they are asked for. Raises OSError and
    sqlite3.Error, also while that is done."""
    found: dict[str, Iterable[Line]] = {}
    for chain in sorted({jsonl.chain_of(path) for path in directory.glob(f"*{jsonl.SUFFIX}")}):
        found[chain] = _in_files(jsonl.files(directory, chain))
    database = directory / sqlite.NAME
    if database.exists():
        with closing(_opened(database)) as connection:
            named = [str(chain) for (chain,) in connection.execute("SELECT DISTINCT chain FROM entries ORDER BY chain")]
        found |= {chain: _in_database(database, chain) for chain in named}
    return found


def heads(directory: Path) -> list[Head]:
    """Those that were exported there. Raises OSError."""
    found = (read_head(path) for path in sorted(directory.glob(f"*{HEAD}")))
    return [head for head in found if head is not None]


def of_conversation(directory: Path, conversation: str, tenant: str | None, keys: Sequence[Marks]) -> Iterator[Stored]:
    """Its records, as they come. `tenant` is None for that of any. Raises OSError and sqlite3.Error."""
    marks: dict[str, frozenset[str]] = {}
    for stored in records(directory):
        whose = stored.record.tenant
        if tenant is not None and whose != tenant:
            continue
        if whose not in marks:
            marks[whose] = frozenset(key.conversation(whose, conversation) for key in keys)
        if stored.record.conversation in marks[whose]:
            yield stored


def records(directory: Path) -> Iterator[Stored]:
    """All of them, by chain. What is no entry is passed over: to find that is `verify`'s business. Raises OSError and
    sqlite3.Error."""
    for lines in chains(directory).values():
        yield from filter(None, map(_stored, lines))


def _stored(line: Line) -> Stored | None:
    entry = read(line.data)
    if entry is None or entry.kind != "record":
        return None
    try:
        return Stored(AuditRecord.of_json(entry.content), entry, line.place)
    except ValueError:
        return None


def _in_files(paths: Iterable[Path]) -> Iterator[Line]:
    for path in paths:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(_LONGEST):
                number += 1
                yield Line(f"{path.name}:{number}", data.removesuffix(b"\n"), data.endswith(b"\n"))


def _in_database(path: Path, chain: str) -> Iterator[Line]:
    with closing(_opened(path)) as connection:
        for n, line in connection.execute("SELECT n, line FROM entries WHERE chain = ? ORDER BY n", (chain,)):
            yield Line(f"{path.name}:{chain}:{n}", bytes(line) if isinstance(line, bytes) else str(line).encode())


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
