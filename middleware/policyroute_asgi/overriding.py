"""The overrides that a gateway knows of, kept up to date.

Rule of this module: what was said holds until it ends or is taken back by `override clear`; a file that breaks or goes
away takes nothing back. Overrides end by the wall clock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import Final

from policyroute.decide.overrides import NONE_IN_FORCE, Override, Overrides
from policyroute.problems import Problem
from policyroute_asgi import apart, overrides
from policyroute_asgi.overrides import OverridesError
from policyroute_asgi.watch import rereads

logger = logging.getLogger("policyroute.reload")

_FILE: Final = frozenset({overrides.NAME})

Known = tuple[Override, ...]


class Standing:
    """What holds now, of what is known. `clock` is seconds since 1970. Used on one event loop."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.known: Known = ()
        self._clock = clock
        self._now = NONE_IN_FORCE

    def learn(self, known: Known) -> None:
        """This is what is known from now on."""
        self.known = known
        self._now = Overrides.at(known, self._clock())

    def now(self) -> Overrides:
        """Those in force: asked before every attempt, so it looks at the clock only while there are any."""
        if self._now.every and self._clock() >= self._now.ends:
            self.learn(self.known)
        return self._now


class Overriding:
    """`standing` is what holds; `problems` say why it may be otherwise. Without a state directory nothing holds."""

    def __init__(self, state_dir: Path | None) -> None:
        self.standing = Standing()
        self.problems: tuple[Problem, ...] = ()
        self._state_dir = state_dir
        self._listeners: list[Callable[[Known], None]] = []

    def on_other(self, listener: Callable[[Known], None]) -> None:
        """Call `listener` with what is known whenever that is something else."""
        self._listeners.append(listener)

    async def read(self) -> bool:
        """Look at the file now. True where that changed anything."""
        if self._state_dir is None:
            return False
        before = (self.standing.known, self.problems)
        try:
            found = await apart.once(partial(overrides.load, self._state_dir), "policyroute-overrides")
        except OverridesError as error:
            self.problems = (overrides.trouble(error),)
        else:
            held = len(self.standing.now().every) if found is None else 0
            self.problems = (overrides.lost(self._state_dir, held),) if held else ()
            if not held:
                self._learn(found or ())
        return (self.standing.known, self.problems) != before

    def changed(self, heartbeat: float) -> AsyncGenerator[None]:
        """Yields after every change, from now on. Ends at once where there is no state directory."""
        return rereads(self._state_dir, heartbeat, _FILE, self.read)

    def _learn(self, known: Known) -> None:
        if known == self.standing.known:
            return
        before = self.standing.now().every
        self.standing.learn(known)
        after = self.standing.now().every
        for each in before:
            if each not in after:
                logger.warning("override `%s` does not hold any more", each)
        for each in after:
            if each not in before:
                left = each.until - time.time()
                logger.warning("override `%s` holds for %.0f s: %s", each, left, each.reason or "no reason given")
        for listener in self._listeners:
            listener(known)
