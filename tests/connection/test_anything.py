"""Whatever bytes come, and however their sender leaves: an answer or an end, no error logged, nothing kept."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.connection.conftest import Site, serving
from tests.support.wire import PATIENCE

pytestmark = pytest.mark.anyio

Leaving = Literal["reads", "half", "closes", "resets"]
LONG = b"<70,000 bytes>"
QUICK = {"head_seconds": 0.06, "keep_alive": 0.06, "closing": 0.03, "unread": 0.1, "linger": 0.03, "sweep": 0.01}

_LINES = [
    *(b"%b /%b HTTP/1.%d\r\n" % (method, path, version)
      for method in (b"GET", b"POST", b"HEAD", b"CONNECT", b"OPTIONS")
      for path in (b"a", b"early", b"unframed", b"half", b"large", b"flood")
      for version in (0, 1)
      if (method, path) != (b"HEAD", b"flood")),
    b"PRI * HTTP/2.0\r\n", b"GET http://x/a HTTP/1.1\r\n", b"GET /a\r\n",
]  # fmt: skip
_HEADERS = [
    b"Host: x\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: Upgrade\r\n",
    b"Upgrade: h2c\r\n", b"Upgrade: websocket\r\n", b"Expect: 100-continue\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 0\r\n", b"Content-Length: 3\r\n", b"Content-Length: 300000\r\n", b"A: " + b"b" * 900 + b"\r\n",
    b"Content-Length: x\r\n", b" folded\r\n", b"A\0: b\r\n",
]  # fmt: skip
_BODIES = [b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"1;x=y\r\na\r\n", b"fffffff\r\n", LONG]
_PROPER = [
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
]
WORDS = st.sampled_from([*_LINES, *_HEADERS, *_BODIES, b"\r\n", b"\r\n\r\n", *_PROPER]) | st.binary(max_size=40)
PIECES = st.lists(st.lists(WORDS, max_size=8).map(b"".join), max_size=6)
HEADS = st.tuples(
    st.sampled_from(_LINES), st.lists(st.sampled_from(_HEADERS), max_size=5).map(b"".join), st.sampled_from(_BODIES)
).map(lambda parts: b"%bHost: x\r\n%b\r\n%b" % parts)
TALK = PIECES | st.lists(HEADS | st.sampled_from(_PROPER), max_size=5)


@contextmanager
def silence() -> Generator[None]:
    """Nobody logs an error, and no callback of the event loop fails."""
    heard: list[str] = []
    listener = logging.Handler(logging.ERROR)
    listener.emit = lambda record: heard.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    logging.getLogger().addHandler(listener)

    def failed(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        heard.append(repr(context))

    asyncio.get_running_loop().set_exception_handler(failed)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(listener)
    assert heard == []


@pytest.mark.parametrize("leaving", ["reads", "half", "closes", "resets"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.reuse, Phase.generate])
@given(talks=st.lists(TALK, min_size=1, max_size=4), retire=st.booleans())
async def test_whatever_comes_is_answered_or_closed(leaving: Leaving, talks: list[list[bytes]], retire: bool) -> None:
    with silence():
        async with serving(head=1000, connections=3, pipelined=2, drain=100_000, **QUICK) as site:
            site.go.set()
            site.patience = 0.1
            async with asyncio.timeout(PATIENCE):
                talking = [asyncio.create_task(_talk(site, pieces, leaving)) for pieces in talks]
                if retire:
                    await site.until(lambda: site.begun or all(task.done() for task in talking))
                    site.connections.retire()
                await asyncio.gather(*talking)
                await site.until(lambda: not site.connections.open and len(site.begun) == site.ended)


async def _talk(site: Site, pieces: list[bytes], leaving: Leaving) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", site.port))
        try:
            for piece in pieces:
                await loop.sock_sendall(client, piece.replace(LONG, b"x" * 70_000))
                await asyncio.sleep(0)
            if leaving == "half":
                client.shutdown(socket.SHUT_WR)
            if leaving in {"reads", "half"}:
                await _read(client)
            elif leaving == "resets":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # the server has had enough


async def _read(client: socket.socket) -> None:
    """What there is, all of which is an answer; of one without end only so much."""
    loop = asyncio.get_running_loop()
    got = bytearray()
    while len(got) < 1_000_000 and (more := await loop.sock_recv(client, 65_536)):
        got += more
    assert re.match(rb"HTTP/1\.1 \d{3} |$", got)
