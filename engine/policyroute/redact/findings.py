"""What a detector says of a text.

Rule of this module: values, and no text: a finding says where something stands, never what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from policyroute.redact.known import Known

CONTEXT: Final = 256
"""Characters before a value that may say what it is: whoever looks through a text piece by piece keeps so many."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Characters `start` to `end` of a text are a `kind`: a name of `KINDS`, an author's pattern's, or the label of an
    app's own values."""

    start: int
    end: int
    kind: str


class Finds(Protocol):
    """Who looks through texts. No finding has more than `reach` characters."""

    @property
    def reach(self) -> int: ...

    def find(self, text: str, known: Known | None = None) -> list[Finding]:
        """In order, none overlapping another. Raises Exhausted."""
        ...

    def settled(self, text: str, found: Sequence[Finding], known: Known | None = None) -> int:
        """Of a text that goes on: how many of its characters no continuation can change the findings of. `found` is
        what `find` says of it; no finding lies across the place that is returned."""
        ...
