"""One end of the line between a supervisor and a worker.

Rule of this module: sending never waits and never fails. An end of the line is told by `receive`, once, to its reader.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from contextlib import suppress
from typing import Any, Final

_LENGTH: Final = struct.Struct(">I")


class Channel:
    """Messages in order, whole or not at all. `over` makes one of a connected socket, which it then owns."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        end.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=end))

    def send(self, message: object) -> None:
        self.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

    def send_bytes(self, data: bytes) -> None:
        """Something that the other end can read without knowing our values."""
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> Any:
        """The next message, or None at the end of the line."""
        data = await self.receive_bytes()
        return None if data is None else pickle.loads(data)

    async def receive_bytes(self) -> bytes | None:
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return None

    async def aclose(self) -> None:
        """Close it when what was sent has left."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
