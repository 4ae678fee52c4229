"""Where records go and with what key, once files and secrets are found.

Rule of this module: plain values, which can be sent to another process. The key is in nobody's repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from policyroute.policy.audits import To

KEY_FILE: Final = "audit.key"
"""In the state directory: the key where the policy names none."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`rotate` is bytes; `keep` files of a process, None for all; `buffer` records that may wait in memory, 0 where an
    attempt waits for its record to be written."""

    directory: Path
    key: bytes = field(repr=False)
    to: To = "jsonl"
    rotate: int = 64 << 20
    keep: int | None = None
    buffer: int = 0
