"""The server of a gateway process, in this one: how it leaves its socket."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.wire import PATIENCE, Wire

from policyroute_asgi import gateway
from policyroute_asgi.cli.process import Server, listen
from policyroute_asgi.connections import ConnectionLimits

pytestmark = pytest.mark.anyio

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}  # as `serve` has it


@asynccontextmanager
async def serving(directory: Path, listener: socket.socket) -> AsyncGenerator[Server]:
    """Until it is told to leave."""
    ready = asyncio.Event()
    limits = ConnectionLimits(connections=100, linger=0.1, closing=0.1, sweep=0.02)
    server = Server(gateway(directory, log=None), 5, ready.set, limits)
    ended = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(PATIENCE):
        await ready.wait()
        try:
            yield server
        finally:
            server.should_exit = True
            await ended


def connected(port: int) -> socket.socket:
    """A connection that the system has accepted, and nobody has heard of yet."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(GET)
    client.setblocking(False)
    return client


async def test_who_is_connected_but_not_yet_accepted_is_served_at_the_end(directory: Path) -> None:
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    async with serving(directory, listener) as server:
        waiting = [connected(port) for _ in range(20)]
        server.retire()
        for client in waiting:
            wire = Wire(*await asyncio.open_connection(sock=client))
            answer = await wire.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert await wire.rest() == b""
            await wire.aclose()
        with pytest.raises(ConnectionRefusedError):
            connected(port)


async def test_connections_are_counted(directory: Path) -> None:
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    async with serving(directory, listener):
        broken, good = await Wire.open(port), await Wire.open(port)
        broken.send(b"nonsense\r\n\r\n")
        assert (await broken.answer()).status == 400
        assert await broken.rest() == b""
        await broken.aclose()
        good.send(GET.replace(b"/healthz", b"/metrics"))
        page = (await good.answer()).body.decode()
        await good.aclose()
    assert 'policyroute_refused_total{code="invalid_http"} 1.0' in page
    assert re.search(r"^policyroute_connections [12]\.0$", page, re.MULTILINE)


async def test_others_who_listen_on_the_same_socket_are_not_disturbed(directory: Path) -> None:
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    with socket.socket(fileno=os.dup(listener.fileno())) as others:
        async with serving(directory, listener) as server:
            server.retire()
        with connected(port):
            assert not os.get_blocking(others.fileno())
            accepted, _ = others.accept()
            with accepted:
                assert accepted.recv(1000) == GET
