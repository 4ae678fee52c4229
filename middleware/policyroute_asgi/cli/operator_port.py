"""`--operator`: where the operator's pages are, apart from the port that clients use.

Rule of this module: a unix socket for its owner only, or loopback; anything else is misuse.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import stat
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from policyroute_asgi.cli.process import listen, spelled, url

_UNIX = "unix:"
_HURRY = 1
"""Seconds for answering what is asked at the end."""


@dataclass(frozen=True, slots=True)
class OperatorAddress:
    """A path, or a loopback host and a port."""

    path: Path | None
    host: str = ""
    port: int = 0


def address(given: str) -> OperatorAddress:
    """The `type` of the option."""
    if given.startswith(_UNIX) and given != _UNIX:
        return OperatorAddress(Path(given.removeprefix(_UNIX)))
    try:
        parts = urlsplit(f"//{given}")
        host, port = parts.hostname or "", parts.port
        known = not parts.path and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        known, host, port = False, "", None
    if not known or port is None:
        raise argparse.ArgumentTypeError(f"{given!r} is neither unix:/path nor a loopback address with a port")
    return OperatorAddress(None, host, port)


@contextmanager
def opened(given: OperatorAddress | None) -> Generator[socket.socket | None]:
    """Its listening socket. Raises OSError where it cannot be had."""
    if given is None:
        yield None
    elif given.path is None:
        with _loopback(given) as listener:
            yield listener
    else:
        with _unix(given.path) as listener:
            ours = given.path.stat()
            try:
                yield listener
            finally:
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(given.path.stat(), ours):
                        given.path.unlink()


@asynccontextmanager
async def served(app: ASGIApp, listener: socket.socket | None) -> AsyncGenerator[None]:
    """Serve the operator on this event loop as long as the block runs."""
    if listener is None:
        yield
        return
    server = _Beside(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_HURRY,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="policyroute-operator")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def name(listener: socket.socket) -> str:
    """How an operator may call it."""
    return f"{_UNIX}{listener.getsockname()}" if listener.family == socket.AF_UNIX else url(listener)


class _Beside(uvicorn.Server):
    """A server that leaves the process's signals to whoever owns them."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _loopback(given: OperatorAddress) -> socket.socket:
    try:
        return listen(given.host, given.port)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"--operator {spelled(given.host, given.port)}") from None


def _unix(path: Path) -> socket.socket:
    _out_of_the_way(path)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen()
    except OSError as error:
        listener.close()
        # Of a path that is too long Python says so itself, without a number.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        os.umask(before)
    return listener


def _out_of_the_way(path: Path) -> None:
    """Removes the socket of a gateway that is no more; raises OSError where somebody answers."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file of this name, and it is no socket", str(path))
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "somebody serves there already", str(path))
