"""One place for each process that writes records, with the head of its chain.

Rule of this module: whoever holds a slot is the only one who writes its chain. Who comes next goes on with it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from policyroute.audit import Head
from policyroute_asgi import durably

MOST: Final = 256
"""Processes that may write at once."""
HEAD: Final = ".head"


class Slot:
    """Make it with `taken`."""

    def __init__(self, directory: Path, name: str, lock: int) -> None:
        self.name: Final = name
        self._lock = lock
        self._head = directory / f"{name}{HEAD}"

    @classmethod
    def taken(cls, directory: Path, kind: str) -> Self:
        """The first that is free: `kind` (letters) and a number. Raises OSError where none is, or for trouble."""
        for number in range(1, MOST + 1):
            name = f"{kind}{number}"
            lock = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            except OSError:
                os.close(lock)
                raise
            else:
                return cls(directory, name, lock)
        raise OSError(f"{MOST} processes write records there")

    @property
    def head(self) -> Head | None:
        """The one that was exported last. Raises OSError, also for what is no head."""
        return read_head(self._head)

    def export(self, head: Head) -> None:
        """Raises OSError."""
        durably.write(self._head, f"{head}\n".encode())

    def release(self) -> None:
        os.close(self._lock)


def read_head(path: Path) -> Head | None:
    """None where there is no such file. Raises OSError, also for what is no head."""
    try:
        return Head.of(path.read_text("ascii"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise OSError(f"{path} is not what was written into it: somebody has been at it") from None
