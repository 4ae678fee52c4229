"""The pseudonyms of a conversation: what stands for which value, from one request to the next.

Rule of this module: a conversation of a tenant has its own key and its own values, encrypted where they are on disk,
for a time. What is not of a conversation is known to one request only.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Final

from pydantic import TypeAdapter

from policyroute.redact.pseudonyms import Pseudonyms
from policyroute_asgi.state.store import StateStore, read, update_in_time

MOST: Final = 10_000
"""Values of one conversation."""
_KIND: Final = "vault"
_VALUES: Final = TypeAdapter(dict[str, str])


class Vault:
    """All conversations', in the store."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def opened(self, conversation: str) -> Pseudonyms:
        """`conversation` is empty where a request belongs to none."""
        if not conversation:
            return Pseudonyms(os.urandom(32), None, MOST)
        key = self._store.derived(f"pseudonyms\0{conversation}")
        return Pseudonyms(key, read(_VALUES, await self._store.get(_KIND, conversation)), MOST)

    async def keep(self, conversation: str, pseudonyms: Pseudonyms, ttl: float) -> None:
        """For `ttl` seconds from now, before anybody is sent a pseudonym that is new. Other requests of the
        conversation may have added to it."""
        if not pseudonyms.new:
            if pseudonyms.values:
                self._store.keep_longer(_KIND, conversation, ttl)
            return
        change = partial(_merged, dict(pseudonyms.new))
        await update_in_time(self._store, _KIND, conversation, change, ttl)
        pseudonyms.new.clear()  # or every attempt would wait for them again


def _merged(new: dict[str, str], kept: bytes | None) -> bytes:
    return _VALUES.dump_json((read(_VALUES, kept) or {}) | new)
