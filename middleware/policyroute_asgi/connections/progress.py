"""How far a client has taken what was written for it.

Rule of this module: the kernel knows; our own buffer only shows that there is more to take.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Final

_ACKED: Final = slice(120, 128)
"""`tcpi_bytes_acked` in Linux's `struct tcp_info`."""


class Progress:
    """Begun where there is something to take."""

    __slots__ = ("_since", "_taken", "_transport")

    def __init__(self, transport: asyncio.Transport, now: float) -> None:
        self._transport = transport
        self._taken = _taken(transport)
        self._since = now

    def stuck(self, now: float) -> float:
        """For how many seconds the client has taken nothing, as far as this has been asked before."""
        taken = _taken(self._transport)
        if taken != self._taken:
            self._taken, self._since = taken, now
        return now - self._since


def _taken(transport: asyncio.Transport) -> int:
    """A number that changes whenever the client takes something."""
    if sys.platform == "linux":
        try:
            info = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED.stop)
        except OSError:
            info = b""
        if len(info) == _ACKED.stop:
            return int.from_bytes(info[_ACKED], sys.byteorder)
    return transport.get_write_buffer_size()
