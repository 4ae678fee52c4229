"""What one client's connection may cost, in bytes, seconds and file descriptors.

Rule of this module: every bound of a connection is a number here.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

_KEPT_BACK = 128
"""File descriptors for what is neither a client's connection nor a provider's: files, sockets that listen, the loop."""
_ENOUGH = 1_048_576
"""File descriptors asked for where the system sets no bound."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bytes and seconds, as far as names do not say otherwise. docs/gateway.md tells operators of them."""

    connections: int
    """Open at once; one more is answered 503 and closed."""
    head: int = 32 * 1024
    """Request line and headers in all. Trailers and chunk extensions may not be longer, either."""
    headers: int = 100
    """How many."""
    head_seconds: float = 10.0
    """Until a head is complete: from the opening of the connection, or from the first byte of a later request."""
    keep_alive: float = 75.0
    """Until a connection without a request is closed. Longer than clients and proxies keep theirs, so that it is they
    who close: a request that crosses our closing is lost."""
    pipelined: int = 8
    """Requests that may wait behind the one being answered; the last of them is answered with `Connection: close`."""
    unread: float = 60.0
    """Until a client that takes nothing of its answer is cut off."""
    drain: int = 256 * 1024
    """Bytes of an unwanted body that are thrown away, so that its sender gets to read why it is unwanted."""
    closing: float = 1.0
    """Between our last byte and the end, for a client that does not close its side."""
    linger: float = 3.0
    """Quiet after which a connection is closed once the server retires: a request may be under way."""
    sweep: float = 1.0
    """How often connections are looked at: the seconds above are as exact as this."""


def open_files() -> int:
    """How many file descriptors this process may have, after it has asked for all it can get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # some systems allow less than they say
            return soft
    return wanted


def affordable(files: int, wanted: int | None = None) -> int:
    """Connections of clients that so many file descriptors allow; by default if each has one to a provider as well."""
    most = max(16, files - _KEPT_BACK)
    return most // 2 if wanted is None else min(wanted, most)
