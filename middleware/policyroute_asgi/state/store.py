"""What a store promises, whatever it keeps things in.

Rule of this module: bytes under a kind and a key, for a time. What `put` has returned from is kept as well as the store
can; nobody who reads waits for anybody who writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

MAX_VALUE: Final = 2 * 1024 * 1024
"""Bytes of one value."""

IN_TIME: Final = 1.0
"""Seconds that the end of an answer waits until what others may ask for is kept. Then it is told all the same."""

SOON: Final = 0.1
"""Share of its time in which what was kept longer is not kept longer again: no request writes for that alone."""

Change = Callable[[bytes | None], bytes]
"""What is kept (None: nothing) to what shall be."""


class StateError(Exception):
    """It could not be kept: the disk is full or gone, or too much waits to be written. No request fails for it."""


class StateStore(Protocol):
    """Used on one event loop. Raises StateError where it says so."""

    async def get(self, kind: str, key: str) -> bytes | None:
        """What was put last, unless its time is over or it cannot be read."""
        ...

    async def put(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        """Keep this for `ttl` seconds: what is kept for none is there no more. Returns when it is kept: see the store
        for what it then survives. Raises StateError, and ValueError for a value that is larger than `MAX_VALUE`."""
        ...

    def put_later(self, kind: str, key: str, value: bytes, ttl: float) -> None:
        """The same where nobody waits; this store gives it at once, whether it is written or not. What cannot be kept
        is dropped, and counted in `dropped`."""
        ...

    async def update(self, kind: str, key: str, change: Change, ttl: float) -> bytes:
        """Atomically replace what is kept by what `change` makes of it, over all processes, and keep that for `ttl`
        seconds. Returns what is kept then, when it is. `change` is pure and quick: it may be called several times, and
        on another thread. Raises StateError, ValueError as `put` does, and what `change` raises."""
        ...

    def update_later(self, kind: str, key: str, change: Change, ttl: float) -> None:
        """The same where nobody waits; this store gives the outcome at once. A change that raises changes nothing, and
        is counted in `dropped`."""
        ...

    def keep_longer(self, kind: str, key: str, ttl: float) -> None:
        """What is kept is kept for at least about `ttl` seconds from now: see `SOON`. Nobody waits for it."""
        ...

    @property
    def degraded(self) -> bool:
        """What other processes keep cannot be read now: that nothing is found does not say that there is nothing."""
        ...

    def derived(self, purpose: str) -> bytes:
        """32 secret bytes for this purpose: the same as long as what is kept can be read, and for whoever can."""
        ...

    @property
    def dropped(self) -> int: ...

    async def aclose(self) -> None:
        """What was put is written, or given up after a moment."""
        ...


async def put_in_time(store: StateStore, kind: str, key: str, value: bytes, ttl: float) -> None:
    """Keep it so that other processes find it, but wait for that no longer than `IN_TIME`. Its trouble is the store's
    to tell."""
    with suppress(StateError, ValueError, TimeoutError):
        async with asyncio.timeout(IN_TIME):
            await store.put(kind, key, value, ttl)


async def update_in_time(store: StateStore, kind: str, key: str, change: Change, ttl: float) -> None:
    """The same of a change."""
    with suppress(StateError, ValueError, TimeoutError):
        async with asyncio.timeout(IN_TIME):
            await store.update(kind, key, change, ttl)


def read(adapter: TypeAdapter[T], written: bytes | None) -> T | None:
    """What was kept. None where nothing was, or where it makes no sense: an earlier release may have written it."""
    try:
        return adapter.validate_json(written) if written else None
    except ValidationError:
        return None


def checked(value: bytes) -> bytes:
    """Raises ValueError for one that is too large."""
    if len(value) > MAX_VALUE:
        raise ValueError(f"a value has at most {MAX_VALUE} bytes")
    return value
