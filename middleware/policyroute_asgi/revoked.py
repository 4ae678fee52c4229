"""The revoked keys that a gateway knows of, kept up to date.

Rule of this module: the set only grows. Whatever becomes of the file while a gateway runs, no key in it comes back.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import Final

from policyroute.problems import Problem
from policyroute_asgi import apart, revocations
from policyroute_asgi.revocations import Revocation, RevocationsError
from policyroute_asgi.watch import rereads

logger = logging.getLogger("policyroute.reload")

_FILE: Final = frozenset({revocations.NAME})


class Revoked:
    """`digests` are the sha256 (hex) of the revoked keys; `problems` say why there may be more.

    Without a state directory there are none. Used on one event loop.
    """

    def __init__(self, state_dir: Path | None) -> None:
        self.digests: frozenset[str] = frozenset()
        self.problems: tuple[Problem, ...] = ()
        self._state_dir = state_dir
        self._listeners: list[Callable[[frozenset[str]], None]] = []

    def on_more(self, listener: Callable[[frozenset[str]], None]) -> None:
        """Call `listener` with `digests` whenever there are more of them."""
        self._listeners.append(listener)

    async def read(self) -> bool:
        """Look at the file now. True where that changed anything."""
        if self._state_dir is None:
            return False
        before = (self.digests, self.problems)
        try:
            found = await apart.once(partial(revocations.load, self._state_dir), "policyroute-revoked")
        except RevocationsError as error:
            self.problems = (revocations.trouble(error),)
        else:
            self.problems = self._lost(found)
            self._learn(found)
        return (self.digests, self.problems) != before

    def changed(self, heartbeat: float) -> AsyncGenerator[None]:
        """Yields after every change, from now on. Ends at once where there is no state directory."""
        return rereads(self._state_dir, heartbeat, _FILE, self.read)

    def _lost(self, found: tuple[Revocation, ...]) -> tuple[Problem, ...]:
        lost = len(self.digests - {each.key_sha256 for each in found})
        return (revocations.lost(self._state_dir, lost),) if lost and self._state_dir else ()

    def _learn(self, found: tuple[Revocation, ...]) -> None:
        new = [each for each in found if each.key_sha256 not in self.digests]
        if new:
            self.digests |= {each.key_sha256 for each in new}
            names = ", ".join(sorted({each.client or "nobody known" for each in new}))
            logger.warning("%d revoked keys more (%s): refused on every attempt from now on", len(new), names)
            for listener in self._listeners:
                listener(self.digests)
