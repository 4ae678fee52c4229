"""Rows in memory, under a kind and a key, each for its time; what is oldest goes first where there is too much.

Rule of this module: bounded in bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

Place = tuple[str, str]
"""A kind and a key."""

_ROW: Final = 200
"""Bytes that a row costs beside its value and its place."""


class Row(NamedTuple):
    """`until` is when its time is over, in seconds of the store's clock. What is kept elsewhere too has the `mark` of
    that version there; `seen` is when it was there."""

    value: bytes
    until: float
    mark: bytes = b""
    seen: float = 0.0


def alive(row: Row | None, now: float) -> bytes | None:
    """Its value, as long as its time is not over."""
    return row.value if row is not None and row.until > now else None


class Rows:
    """`room` is how many bytes all values and places may have together."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._size = 0
        self._rows: OrderedDict[Place, Row] = OrderedDict()

    def get(self, place: Place, now: float) -> Row | None:
        """None for one whose time is over."""
        row = self._rows.get(place)
        if row is not None and row.until <= now:
            self.forget(place)
            return None
        return row

    def put(self, place: Place, row: Row) -> None:
        self.forget(place)
        self._rows[place] = row
        self._size += _cost(place, row)
        while self._size > self._room:
            self.forget(next(iter(self._rows)))

    def forget(self, place: Place) -> None:
        row = self._rows.pop(place, None)
        if row is not None:
            self._size -= _cost(place, row)

    def clear(self) -> None:
        self._rows.clear()
        self._size = 0


def _cost(place: Place, row: Row) -> int:
    return len(row.value) + len(place[0]) + len(place[1]) + _ROW
