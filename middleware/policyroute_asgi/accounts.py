"""Accounts of budgets in the store, and in this process alone while the store cannot keep them.

Rule of this module: no request fails for the store, and none goes uncounted. What was spent meanwhile is added to what
is kept as soon as something is kept again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from policyroute.ledger import NOTHING, Account, read, rejoined, written
from policyroute_asgi.state.store import IN_TIME, StateError, StateStore

logger = logging.getLogger("policyroute.state")

KIND: Final = "budget"
_KNOWN: Final = 10_000
"""Accounts that are remembered in case the store is not there."""

Change = Callable[[Account], Account]
"""Pure and quick: it may be made several times."""


class Accounts:
    """By key."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._known: OrderedDict[str, Account] = OrderedDict()
        self._alone: dict[str, tuple[Account, Account]] = {}  # as last known, and as it is here
        self._told = False

    async def read(self, key: str) -> Account:
        """As it was put last."""
        if key in self._alone:
            return self._alone[key][1]
        return read(await self._store.get(KIND, key))

    async def change(self, key: str, change: Change, ttl: float) -> Account:
        """As it is then, kept for `ttl` seconds; where that takes too long, as it will be."""
        apart = self._alone.pop(key, None)

        def changed(kept: bytes | None) -> bytes:
            account = read(kept)
            return written(change(rejoined(account, *apart) if apart is not None else account))

        try:
            async with asyncio.timeout(IN_TIME):
                found = read(await self._store.update(KIND, key, changed, ttl))
        except TimeoutError:  # it is still being written
            return change(self._known.get(key, NOTHING))
        except (StateError, ValueError) as error:
            return self._by_itself(key, change, apart, error)
        self._remember(key, found)
        if self._told and not self._alone:
            self._told = False
            logger.info("state: budgets are kept again")
        return found

    def change_later(self, key: str, change: Change, ttl: float) -> None:
        """The same where nobody waits."""
        if key in self._alone:
            base, here = self._alone[key]
            self._alone[key] = base, change(here)
        else:
            self._store.update_later(KIND, key, lambda kept: written(change(read(kept))), ttl)

    def _by_itself(self, key: str, change: Change, apart: tuple[Account, Account] | None, error: Exception) -> Account:
        """A change that came meanwhile has its own."""
        base, here = self._alone.get(key) or apart or (self._known.get(key, NOTHING),) * 2
        self._alone[key] = base, change(here)
        if not self._told:
            self._told = True
            logger.warning("state: budgets are counted by this process alone: %s", error)
        return self._alone[key][1]

    def _remember(self, key: str, account: Account) -> None:
        self._known[key] = account
        self._known.move_to_end(key)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
