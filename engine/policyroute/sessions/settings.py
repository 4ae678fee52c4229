"""How a conversation is held: whether it stays with a target, how long that is waited for, how long it is remembered.

Rule of this module: values. A conversation keeps those of its first request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

TTL: Final = 24 * 3600.0
"""Seconds that a conversation is remembered after its last request."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`pin`: its requests go to the target of the first as long as that can serve them. `max_wait`: seconds that a
    request waits at most for a pinned target that says when it will be ready. `back`: once the target that it began at
    is well again, it goes back there (`return` in YAML). `ttl`: seconds."""

    pin: bool = False
    max_wait: float = 2.0
    back: bool = False
    ttl: float = TTL

    def as_json(self) -> dict[str, Any]:
        return {"pin": self.pin, "max_wait": self.max_wait, "return": self.back, "ttl": self.ttl}


DEFAULT_SETTINGS: Final = Settings()
