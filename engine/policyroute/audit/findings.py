"""What is found where chains are verified.

Rule of this module: a finding says that somebody, or something, has been at the records; a note says what an honest
gateway leaves behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    CHANGED = "changed"
    """The hash does not fit, or it is no entry at all."""
    FORGED = "forged"
    """The hash was made to fit, and the seal was not."""
    REMOVED = "removed"
    REORDERED = "reordered"
    DUPLICATED = "duplicated"
    UNLINKED = "unlinked"
    """It names another one before it than there is."""
    FOREIGN = "foreign"
    """It is of another chain."""
    TRUNCATED = "truncated"
    """A head was exported that the chain does not reach."""
    REWRITTEN = "rewritten"
    """A head was exported, and another entry is in its place."""

    RESTARTED = "restarted"
    TORN = "torn"
    """A process was killed while it wrote."""
    FORGOTTEN = "forgotten"
    """The gateway has deleted old files, as it was told to."""
    UNSEALED = "unsealed"
    """Sealed with a key that is not here: nobody can tell whether that is right."""
    OPEN_END = "open_end"
    """No head is known: nobody can tell whether the end was cut off."""


_NOTES = frozenset({Code.RESTARTED, Code.TORN, Code.FORGOTTEN, Code.UNSEALED, Code.OPEN_END})


@dataclass(frozen=True, slots=True)
class Finding:
    """`place` is where it was found (a file with a line's number), `n` the number of the entry, `until` the last one
    where there are several."""

    code: Code
    chain: str
    message: str
    place: str | None = None
    n: int | None = None
    until: int | None = None

    @property
    def grave(self) -> bool:
        return self.code not in _NOTES

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code.value,
            "grave": self.grave,
            "chain": self.chain,
            "n": self.n,
            "until": self.until,
            "place": self.place,
            "message": self.message,
        }


@dataclass(slots=True)
class Verified:
    """What one chain is found to be: how many entries and records of attempts are in it, where it ends, and what is to
    be said of it. `more` findings are not listed."""

    chain: str
    entries: int = 0
    records: int = 0
    head: str | None = None
    findings: list[Finding] = field(default_factory=list[Finding])
    more: int = 0
    good: bool = True

    def say(self, finding: Finding, most: int) -> None:
        """Take it into the list, where that has not `most` of them."""
        self.good = self.good and not finding.grave
        if len(self.findings) < most:
            self.findings.append(finding)
        else:
            self.more += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "chain": self.chain,
            "good": self.good,
            "entries": self.entries,
            "records": self.records,
            "head": self.head,
            "findings": [finding.as_json() for finding in self.findings],
            "more": self.more,
        }
