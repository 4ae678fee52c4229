"""Where a Redis or Valkey is, as it is given: by URL, which may have a password in it.

Rule of this module: what is said of it, in a log, an error or a repr, has no password.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

VARIABLE: Final = "POLICYROUTE_STATE_URL"
"""The URL, for whoever wants it in no list of processes."""
KEY_VARIABLE: Final = "POLICYROUTE_STATE_KEY"
"""32 bytes in base64, with which all that is kept is encrypted."""

_FORMS: Final = "`redis://host:6379/0`, `rediss://...` with TLS, or `unix:///path?db=0`"


@dataclass(frozen=True, slots=True)
class Address:
    """`name` is what it is called where people read."""

    url: str = field(repr=False)
    name: str


def address(url: str) -> Address:
    """Raises ValueError, which does not say it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 6379
    except ValueError:
        parts, host, port = urlsplit(""), "", 0
    if parts.scheme == "unix" and parts.path:
        return Address(url, f"unix://{parts.path}")
    if parts.scheme not in {"redis", "rediss"} or not host:
        raise ValueError(f"it is no URL of a Redis or Valkey: {_FORMS}")
    return Address(url, f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}")


def usable(url: str, state_dir: Path | None) -> Address:
    """The same, where all that it takes is there too. Raises ValueError."""
    found = address(url)
    if find_spec("redis") is None:
        raise ValueError("it needs redis-py: install `policyroute[redis]`")
    if state_dir is None and KEY_VARIABLE not in os.environ:
        raise ValueError(f"it needs a key to encrypt with: set {KEY_VARIABLE}, or name a state directory that has one")
    return found
