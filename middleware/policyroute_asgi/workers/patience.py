"""How long a worker is waited for, and why it is given up.

Rule of this module: time is the seconds it is told of. Whoever counts them was there for each: a supervisor that was
stopped for a while must not blame its workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

START: Final = 60
"""Seconds within which a new worker has to serve."""
SILENT: Final = 30
"""Seconds without a sign of life, of which there is one each second: a worker that hangs."""
BEHIND: Final = 60
"""Seconds without a newer policy for a worker that does not serve the newest. One that is overtaken by edit after edit
serves newer ones all the time."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a worker is gone: a code for the metrics, and words that go on from "worker 1 (pid 7)"."""

    code: Literal["died", "hung", "policy"]
    words: str


class Patience:
    """With one worker."""

    def __init__(self) -> None:
        self._starting = 0
        self._silent = 0
        self._behind = 0

    def heard(self) -> None:
        """It has said something."""
        self._silent = 0

    def moved_on(self) -> None:
        """It serves a newer policy than before."""
        self._behind = 0

    def second(self, *, starting: bool, current: bool) -> Ending | None:
        """One more has passed. `current`: it serves the newest policy. Returns why there is no more waiting."""
        self._silent += 1
        self._behind = 0 if current else self._behind + 1
        if starting:
            self._starting += 1
            return Ending("died", f"did not serve within {START} s") if self._starting > START else None
        if self._silent > SILENT:
            return Ending("hung", f"said nothing for {SILENT} s")
        return Ending("policy", f"did not serve the new policy within {BEHIND} s") if self._behind > BEHIND else None
