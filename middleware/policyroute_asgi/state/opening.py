"""The store that a service keeps things in: a Redis, a file in the state directory, or memory.

Rule of this module: a store that cannot be used is said loudly, and none of its trouble keeps a gateway from serving.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from policyroute_asgi.state.address import Address
from policyroute_asgi.state.database import NewerVersion
from policyroute_asgi.state.memory import MemoryStore
from policyroute_asgi.state.store import StateStore

logger = logging.getLogger("policyroute.state")


def opened(
    state_dir: Path | None, address: Address | None = None, failed: Callable[[], None] = lambda: None
) -> StateStore:
    """At the address, if there is one; memory where there is no directory either, or where nothing can be kept in it.
    `failed` is called for each thing that goes wrong with a server. This may block for a moment."""
    if address is not None:
        return _remote(address, state_dir, failed)
    if state_dir is None:
        return MemoryStore()
    # Encryption costs a process 8 MB, so that only those pay for it who keep something on disk.
    from policyroute_asgi.state.sealed import Seal, key_of  # noqa: PLC0415
    from policyroute_asgi.state.sqlite import NAME, SqliteStore  # noqa: PLC0415

    path = state_dir / NAME
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SqliteStore(path, Seal(key_of(state_dir)))
    except (OSError, ValueError, sqlite3.Error, NewerVersion) as error:
        return _in_memory(f"{path}: {error}")


def _remote(address: Address, state_dir: Path | None, failed: Callable[[], None]) -> StateStore:
    try:
        from policyroute_asgi.state.redis import RedisStore  # noqa: PLC0415
        from policyroute_asgi.state.sealed import Seal, key_of  # noqa: PLC0415

        return RedisStore(address, Seal(key_of(state_dir)), failed)
    except (ImportError, OSError, ValueError) as error:
        # What redis-py says of a URL may have a part of it.
        said = "its key cannot be had" if isinstance(error, OSError) else "redis-py, its URL or its key is no good"
        return _in_memory(f"{address.name}: {said}")


def _in_memory(why: str) -> MemoryStore:
    logger.error("STATE IS KEPT IN MEMORY ONLY, and ends with this process: %s", why)
    return MemoryStore()
