"""What processes that share a store tell each other of circuits: one row of it for all that are not closed.

Rule of this module: no request waits for it, or writes. One task says what has changed here and hears what others have
said, twice a second; a store that is down changes nothing. Names in the row are digests.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from pydantic import TypeAdapter

from policyroute.health.breaker import Circuit
from policyroute.health.hearsay import KEPT, Row, Said, merged, passed, taken
from policyroute.health.places import Scope
from policyroute_asgi.resting import Resting
from policyroute_asgi.state.memory import MemoryStore
from policyroute_asgi.state.store import StateError, StateStore, read

logger = logging.getLogger("policyroute.health")

EVERY: Final = 0.5
"""Seconds between two looks at the row."""
PATIENCE: Final = 2.0
"""Seconds that the store may take for one."""
_PLACE: Final = ("health", "circuits")
_ROW: Final[TypeAdapter[Row]] = TypeAdapter(dict[str, Said])


class Hearsay:
    """Of one process's circuits, in one store. `wall` is seconds since 1970. Used on one event loop."""

    def __init__(self, resting: Resting, store: StateStore, wall: Callable[[], float] = time.time) -> None:
        self._resting = resting
        self._store = store
        self._wall = wall
        self._secret = store.derived("circuits")
        self._me = os.urandom(8).hex()
        self._names: dict[Scope, str] = {}
        self._versions: dict[str, int] = {}
        self._heard: dict[str, Said] = {}

    async def run(self) -> None:
        """Until it is cancelled. Where nobody else can read the store there is nothing to say."""
        while not isinstance(self._store, MemoryStore):
            await self.tick()
            await asyncio.sleep(EVERY)

    async def tick(self) -> None:
        """Say and hear once."""
        circuits = {self._name(scope): (scope, circuit) for scope, circuit in self._resting.table.breakers.known()}
        versions = {name: circuit.version for name, (_, circuit) in circuits.items()}
        news = {
            name: self._said(circuit)
            for name, (_, circuit) in circuits.items()
            if versions[name] != self._versions.get(name, 0)
        }
        now = self._wall()
        wanted = frozenset(
            name
            for name, (_, circuit) in circuits.items()
            if circuit.wanted and name in self._heard and passed(self._heard[name], now)
        )
        try:
            async with asyncio.timeout(PATIENCE):
                row = await self._exchanged(news, wanted, now)
        except (StateError, ValueError, TimeoutError):
            return
        self._versions |= {name: versions[name] for name in news}
        for name, said in row.items():
            if name in circuits and said != self._heard.get(name):
                self._hear(name, said, *circuits[name])

    async def _exchanged(self, news: Row, wanted: frozenset[str], now: float) -> Row:
        written: bytes | None
        if news or wanted:
            change = partial(_changed, news=news, wanted=wanted, turn=self._me, now=now)
            written = await self._store.update(*_PLACE, change, 2 * KEPT)
        else:
            written = await self._store.get(*_PLACE)
        return read(_ROW, written) or {}

    def _said(self, circuit: Circuit) -> Said:
        ahead = self._wall() - self._resting.clock()
        if circuit.closed:
            return Said(self._wall(), self._me, circuit.kind)
        until, probe = circuit.until + ahead, circuit.probe + ahead
        return Said(self._wall(), self._me, circuit.kind, until, probe, circuit.times)

    def _hear(self, name: str, said: Said, scope: Scope, circuit: Circuit) -> None:
        """It stands in the row. What this process has said itself is heard as well, as the others have it."""
        self._heard[name] = said
        was, mine = circuit.closed, said.turn == self._me
        if not mine:
            now = self._resting.clock()
            behind = now - self._wall()
            if circuit.version == self._versions.get(name, 0):  # else there is something newer to say first
                circuit.heard(said.kind, said.until + behind, said.probe + behind, said.times, now)
        circuit.elsewhere = not circuit.closed and not mine
        circuit.wanted = False
        self._resting.table.breakers.note(scope, circuit)
        if circuit.closed is not was:
            self._tell(circuit)

    def _tell(self, circuit: Circuit) -> None:
        for (target, provider), each in self._resting.circuits.items():
            if each is circuit:
                what = "closed" if circuit.closed else f"open: {circuit.kind}"
                logger.warning("circuit of %s at %s %s, as another process says", target, provider, what)

    def _name(self, scope: Scope) -> str:
        if scope not in self._names:
            self._names[scope] = hmac.digest(self._secret, repr(scope.about).encode(), hashlib.sha256)[:12].hex()
        return self._names[scope]


def _changed(written: bytes | None, news: Row, wanted: frozenset[str], turn: str, now: float) -> bytes:
    row = merged(read(_ROW, written) or {}, news, now)
    return _ROW.dump_json(taken(row, wanted, turn, now))
