"""A store in memory: what it keeps ends with the process, and what is oldest goes first where there is too much.

Rule of this module: bounded in bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from policyroute_asgi.state.store import checked

ROOM: Final = 64 * 1024 * 1024
"""Bytes of all values and keys together."""
_ROW: Final = 200
"""Bytes that a row costs beside."""


class MemoryStore:
    """`clock` gives seconds."""

    def __init__(self, room: int = ROOM, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0
        self._room = room
        self._clock = clock
        self._size = 0
        self._secret = os.urandom(32)
        self._rows: OrderedDict[tuple[str, str], tuple[bytes, float]] = OrderedDict()

    async def get(self, kind: str, key: str) -> bytes | None:
        row = self._rows.get((kind, key))
        if row is None:
            return None
        if row[1] <= self._clock():
            self._forget((kind, key))
            return None
        return row[0]

    async def put(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        self._put(kind, key, value, ttl)

    def put_later(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        try:
            self._put(kind, key, value, ttl)
        except ValueError:
            self.dropped += 1

    def derived(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, purpose.encode("utf-8", "surrogatepass"), hashlib.sha256)

    async def aclose(self) -> None:
        self._rows.clear()
        self._size = 0

    def _put(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        checked(value)
        place = (kind, key)
        if place in self._rows:
            self._forget(place)
        self._rows[place] = (value, self._clock() + ttl)
        self._size += _cost(place, value)
        while self._size > self._room:
            self._forget(next(iter(self._rows)))

    def _forget(self, place: tuple[str, str]) -> None:
        value, _ = self._rows.pop(place)
        self._size -= _cost(place, value)


def _cost(place: tuple[str, str], value: bytes) -> int:
    return len(value) + len(place[0]) + len(place[1]) + _ROW
