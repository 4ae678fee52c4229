"""The store that a service keeps things in: a file in the state directory, or memory.

Rule of this module: a store that cannot be used is said loudly, and none of its trouble keeps a gateway from serving.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from policyroute_asgi.state.database import NewerVersion
from policyroute_asgi.state.memory import MemoryStore
from policyroute_asgi.state.store import StateStore

logger = logging.getLogger("policyroute.state")


def opened(state_dir: Path | None) -> StateStore:
    """Memory where there is no directory, or where nothing can be kept in it. This may block for a moment."""
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
        logger.error("STATE IS KEPT IN MEMORY ONLY, and ends with this process: %s: %s", path, error)
        return MemoryStore()
