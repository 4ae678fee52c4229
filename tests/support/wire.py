"""A client that writes what it likes: one TCP connection, bytes out and bytes in."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass

import orjson
from tests.support.written import WRITTEN

PATIENCE = 15.0
"""Seconds after which a test stops waiting for what should have come at once."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of an error of ours."""
        code: str = orjson.loads(self.body)["error"]["code"]
        return code


class Wire:
    """Every read fails the test where nothing comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, receive_buffer: int | None = None) -> Wire:
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=sock))

    def send(self, raw: bytes) -> None:
        self._writer.write(raw)

    async def sent(self) -> None:
        """Returns when the server has made room for what was sent. Raises OSError where it wants no more."""
        async with asyncio.timeout(PATIENCE):
            await self._writer.drain()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE):
            first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.split(": ", 1) for line in lines if line)
            headers = {name.lower(): value for name, value in pairs}
            status = int(first.split(" ")[1])
            if headers.get("transfer-encoding") == "chunked":
                body = await self._chunks()
            elif "content-length" in headers:
                body = await self._reader.readexactly(int(headers["content-length"]))
            else:
                body = b"" if status < 200 else await self._reader.read()
            WRITTEN.answer("raw", status, [(b"head", repr(headers).encode())], body)
            return Answer(status, headers, body)

    async def some(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read(65_536)

    async def rest(self) -> bytes:
        """All until the server ends the connection, in order: a reset raises ConnectionResetError."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read()

    def half_close(self) -> None:
        """Send nothing more, and go on reading."""
        self._writer.write_eof()

    def end(self) -> None:
        """Leave."""
        self._writer.close()

    async def aclose(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while size := int(await self._reader.readline(), 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readline()
        return b"".join(parts)
