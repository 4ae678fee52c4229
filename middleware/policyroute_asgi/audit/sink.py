"""What entries of a chain are written into.

Rule of this module: what `write` has returned from survives the end of the process and of the machine; where it raises,
none of it is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from policyroute.audit import Head

TROUBLE: Final = (OSError, sqlite3.Error)
"""What a sink may raise, whatever it is asked."""


class Row(NamedTuple):
    """An entry as it is written, with the head that it is."""

    line: bytes
    head: Head


class Last(NamedTuple):
    """Where a chain ends, with what a process left there that was killed while it wrote."""

    head: Head
    torn: bytes = b""


class Sink(Protocol):
    """Of one process, which holds a slot. Used on one thread."""

    def last(self, slot: str) -> Last | None:
        """The end of the slot's chain, from which it goes on; None where there is none."""
        ...

    def write(self, rows: Sequence[Row]) -> bool:
        """All of them, at least one. True: a new file was begun."""
        ...

    def gone(self) -> bool:
        """Whether somebody has taken the file away that was written to."""
        ...

    def surplus(self) -> int:
        """The number of the last entry of files that there are too many of; 0 where there are none."""
        ...

    def forget(self) -> None:
        """Delete these files."""
        ...

    def close(self) -> None: ...
