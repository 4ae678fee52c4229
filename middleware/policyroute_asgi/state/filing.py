"""What is written into the file in one transaction, and how a row of it is read.

Rule of this module: of all processes one is in here at a time, from the first row that it reads to the last that it
writes. What goes wrong with one write is that write's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from policyroute_asgi.state.rows import Place, Row
from policyroute_asgi.state.sealed import Seal
from policyroute_asgi.state.store import SOON
from policyroute_asgi.state.unwritten import Write

_READ: Final = "SELECT value, until FROM kept WHERE kind = ? AND name = ?"
_PUT: Final = "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)"
_LONGER: Final = "UPDATE kept SET until = ? WHERE kind = ? AND name = ? AND until > ? AND until < ?"


class Longer(NamedTuple):
    """Have this row for `ttl` seconds from now, if it is there."""

    place: Place
    ttl: float


def read(connection: sqlite3.Connection, seal: Seal, place: Place) -> Row | None:
    """Whether its time is over or not. Raises sqlite3.Error."""
    name = seal.name(*place)
    found: tuple[bytes, float] | None = connection.execute(_READ, (place[0], name)).fetchone()
    value: bytes | None = seal.opened(name, found[0]) if found is not None else None
    return Row(value, found[1]) if found is not None and value is not None else None


def filed(connection: sqlite3.Connection, seal: Seal, batch: Sequence[Write | Longer], now: float) -> None:
    """What each write makes is known to it before anybody else can read it. Raises sqlite3.Error, and whatever a row
    that cannot be written raises: then none of them is."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        rows: dict[Place, Row | None] = {}
        for each in batch:
            if isinstance(each, Longer):
                continue
            if each.change is not None and each.place not in rows:
                rows[each.place] = read(connection, seal, each.place)
            made = each.applied(rows.get(each.place), now)
            if each.error is None:
                rows[each.place] = made
        changed = {each.place for each in batch if isinstance(each, Write) and each.error is None}
        connection.executemany(_PUT, [_sealed(seal, place, rows[place]) for place in changed])
        connection.executemany(_LONGER, [_longer(seal, each, now) for each in batch if isinstance(each, Longer)])


def _sealed(seal: Seal, place: Place, row: Row | None) -> tuple[str, bytes, bytes, float]:
    assert row is not None
    name = seal.name(*place)
    return place[0], name, seal.closed(name, row.value), row.until


def _longer(seal: Seal, longer: Longer, now: float) -> tuple[float, str, bytes, float, float]:
    place, ttl = longer
    return now + ttl, place[0], seal.name(*place), now, now + (1 - SOON) * ttl
