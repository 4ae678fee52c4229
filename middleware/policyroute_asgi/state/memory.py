"""A store in memory: what it keeps ends with the process, and what is oldest goes first where there is too much.

Rule of this module: bounded in bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable
from typing import Final

from policyroute_asgi.state.rows import Row, Rows, alive
from policyroute_asgi.state.store import Change, checked

ROOM: Final = 64 * 1024 * 1024
"""Bytes of all values and keys together."""


class MemoryStore:
    """`clock` gives seconds."""

    def __init__(self, room: int = ROOM, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0
        self.degraded = False
        self._clock = clock
        self._secret = os.urandom(32)
        self._rows = Rows(room)

    async def get(self, kind: str, key: str) -> bytes | None:
        return self._get(kind, key)

    async def put(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        self._put(kind, key, value, ttl)

    def put_later(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        try:
            self._put(kind, key, value, ttl)
        except ValueError:
            self.dropped += 1

    async def update(self, kind: str, key: str, change: Change, ttl: float) -> bytes:
        return self._put(kind, key, change(self._get(kind, key)), ttl)

    def update_later(self, kind: str, key: str, change: Change, ttl: float) -> None:
        try:
            self._put(kind, key, change(self._get(kind, key)), ttl)
        except Exception:  # noqa: BLE001 - whatever it is: nobody waits for it
            self.dropped += 1

    def keep_longer(self, kind: str, key: str, ttl: float) -> None:
        now = self._clock()
        row = self._rows.get((kind, key), now)
        if row is not None and row.until < now + ttl:
            self._rows.put((kind, key), Row(row.value, now + ttl))

    def derived(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, purpose.encode("utf-8", "surrogatepass"), hashlib.sha256)

    async def aclose(self) -> None:
        self._rows.clear()

    def _get(self, kind: str, key: str) -> bytes | None:
        now = self._clock()
        return alive(self._rows.get((kind, key), now), now)

    def _put(self, kind: str, key: str, value: bytes, ttl: float) -> bytes:
        self._rows.put((kind, key), Row(checked(value), self._clock() + ttl))
        return value
