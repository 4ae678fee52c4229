"""Who holds a conversation's context: the accounts that it was sent to, in this request or an earlier one.

Rule of this module: an account is a provider with its region and clearance. The one that a conversation began at is its
home; to every other its context crosses, the first time and ever after, so that what is said there stays the same from
turn to turn. Where that cannot be known, it crosses to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from pydantic import TypeAdapter

from policyroute.exchange.accounting import Exposure
from policyroute.policy.model import Provider
from policyroute_asgi.state.store import StateStore, read, update_in_time

UNKNOWN: Final = "unknown"
"""Stands for the accounts that cannot be known of: it is no account's name, so that to every account it crosses."""
_KIND: Final = "context"
_SENT: Final[TypeAdapter[Exposure]] = TypeAdapter(Exposure)


class Context:
    """Of one conversation, or of a request that belongs to none. `exposure` has the accounts in the order in which they
    first got it. It is never changed."""

    def __init__(self, sent: Exposure | None = None) -> None:
        self.exposure: Exposure = sent or {}

    def crosses(self, provider: Provider) -> bool:
        """Whether what is sent there leaves the account that the conversation began at."""
        home = next(iter(self.exposure), None)
        return home is not None and home != account(provider)

    def lacks(self, provider: Provider) -> bool:
        """Whether an attempt there is a boundary."""
        return bool(self.exposure) and account(provider) not in self.exposure

    def after(self, provider: Provider, by_label: Mapping[str, int]) -> Context:
        """Once an attempt with so many bytes of each label went there."""
        sent = {name: dict(so_far) for name, so_far in self.exposure.items()}
        counted = sent.setdefault(account(provider), {})
        for label, size in by_label.items():
            counted[label] = counted.get(label, 0) + size
        return Context(sent)


class Contexts:
    """All conversations', in the store."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def found(self, conversation: str) -> Context:
        sent = read(_SENT, await self._store.get(_KIND, conversation))
        if sent is None and self._store.degraded:  # others may know of some
            return Context({UNKNOWN: {}})
        return Context(sent)

    async def keep(self, conversation: str, context: Context, ttl: float, *, first: bool, counted: bool) -> None:
        """For `ttl` seconds. `first`: an account gets the context that had it not; other processes know of it before
        the account does, if that matters to what it gets. `counted`: so does how much of it each account got."""
        change = partial(_merged, context.exposure)
        if first and counted:
            await update_in_time(self._store, _KIND, conversation, change, ttl)
        elif first or counted:
            self._store.update_later(_KIND, conversation, change, ttl)
        else:
            self._store.keep_longer(_KIND, conversation, ttl)


def _merged(sent: Exposure, kept: bytes | None) -> bytes:
    """Both. Who began it is known to what was kept, unless nobody was."""
    before = read(_SENT, kept) or {}
    merged = {name: dict(so_far) for name, so_far in before.items()}
    for name, counted in sent.items():
        known = merged.setdefault(name, {})
        known.update({label: max(size, known.get(label, 0)) for label, size in counted.items()})
    if next(iter(merged), None) != UNKNOWN:
        merged.pop(UNKNOWN, None)
    return _SENT.dump_json(merged)


def account(provider: Provider) -> str:
    """What tells an account from another: none of the parts has a `/`, but maybe the region."""
    return f"{provider.name}/{provider.clearance.label}/{provider.region}"
