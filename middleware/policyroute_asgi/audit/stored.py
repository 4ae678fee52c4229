"""What a directory of audit records holds, for whoever looks at them: chains, heads, and the records of a conversation.

Rule of this module: it only reads, also beside a gateway that writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
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
            for (chain,) in connection.execute("SELECT DISTINCT chain FROM entries ORDER BY chain"):
                found[chain.decode("utf-8", "replace")] = _in_database(database, chain)
    return found


def heads(directory: Path) -> list[Head]:
    """Those that were exported there. Raises OSError."""
    found = (read_head(path) for path in sorted(directory.glob(f"*{HEAD}")))
    return [head for head in found if head is not None]


def of_conversation(directory: Path, conversation: str, tenant: str | None, keys: Sequence[Marks]) -> Iterator[Stored]:
    """Its records, as they come. `tenant` is None for that of any. Raises OSError and sqlite3.Error."""
    marks: dict[str, frozenset[str]] = {}

    def is_meant(content: Mapping[str, object]) -> bool:
        whose = content.get("tenant")
        if not isinstance(whose, str) or (tenant is not None and whose != tenant):
            return False
        if whose not in marks:
            marks[whose] = frozenset(key.conversation(whose, conversation) for key in keys)
        return content.get("conversation") in marks[whose]

    yield from records(directory, is_meant)


def records(directory: Path, wanted: Callable[[Mapping[str, object]], bool] = lambda content: True) -> Iterator[Stored]:
    """Those whose JSON is `wanted`, by chain. What is no entry is passed over: to find that is `verify`'s business.
    Raises OSError and sqlite3.Error."""
    for lines in chains(directory).values():
        for line in lines:
            entry = read(line.data)
            if entry is not None and entry.kind == "record" and wanted(entry.content):
                yield from _stored(entry, line.place)


def _stored(entry: Entry, place: str) -> Iterator[Stored]:
    with suppress(ValueError):
        yield Stored(AuditRecord.of_json(entry.content), entry, place)


def _in_files(paths: Iterable[Path]) -> Iterator[Line]:
    for path in paths:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(_LONGEST):
                number += 1
                yield Line(f"{path.name}:{number}", data.removesuffix(b"\n"), data.endswith(b"\n"))


def _in_database(path: Path, chain: bytes) -> Iterator[Line]:
    with closing(_opened(path)) as connection:
        rows = connection.execute("SELECT n, line FROM entries WHERE chain = CAST(? AS TEXT) ORDER BY n", (chain,))
        for n, line in rows:
            yield Line(f"{path.name}:{n}", line)


def _opened(path: Path) -> sqlite3.Connection:
    """For reading. Texts are bytes: whoever has been at the file may have left some that are none."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    connection.text_factory = bytes
    return connection
