"""A gateway in a process of its own: its socket, its server, its end.

Rule of this module: what `serve` and `demo` do alike, and nothing about policies.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from types import FrameType
from typing import cast

import uvicorn

from policyroute_asgi.app import Gateway
from policyroute_asgi.connections import ConnectionLimits, Connections
from policyroute_asgi.connections.limits import affordable, open_files

COLLECT = (5_000, 2, 500)
"""When garbage is collected (`gc.set_threshold`). Open requests are no garbage: to look through them after every 700
new objects takes 5 % of the CPU, and nobody is served meanwhile: some 15 ms for 15,000 objects, 270 ms for all that a
thousand streams are made of, which is why all are hardly ever looked through."""
_NET = 5
"""Seconds that connections get to close once the app has ended what was open."""
_BACKLOG = 2048
_UNSENT = 128 * 1024
"""Bytes that the kernel takes of an answer before the client does: a client that does not read costs no more there."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        # Python adds the address to the system's words; whoever tells of it names it anyway.
        raise OSError(error.errno, (error.strerror or "").partition(" (while ")[0]) from None
    # Connections inherit it: without it a small answer waits 40 ms for the client's delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    return listener


def connection_limits(connections: int | None = None, keep_alive: float | None = None) -> ConnectionLimits:
    """Limits for this process. It may open as many files as the system lets it from now on, and that decides how many
    connections there may be: more than a number says there never are."""
    limits = ConnectionLimits(affordable(open_files(), connections))
    return limits if keep_alive is None else replace(limits, keep_alive=keep_alive)


def event_loop() -> asyncio.Runner:
    """A runner for the fastest event loop there is on this system."""
    return asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory())


def url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{spelled(host, port)}"


def spelled(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _nothing(sig: int, frame: FrameType | None) -> None:
    del sig, frame


class Server(uvicorn.Server):
    """Serves until `should_exit` is set or SIGTERM or SIGINT comes; open requests then have the app's grace period.

    A second signal ends them at once. `grace` is the app's, seconds; `ready` is called when requests are
    served and signals are heard.
    """

    def __init__(
        self, app: Gateway, grace: float, ready: Callable[[], object], limits: ConnectionLimits | None = None
    ) -> None:
        self.connections = Connections(limits or connection_limits())
        app.watch_connections(self.connections)
        config = uvicorn.Config(
            app,
            # uvicorn calls it, whatever it is.
            http=cast("type[asyncio.Protocol]", self.connections.protocol),
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
        )
        super().__init__(config)
        self._app = app
        self._grace = grace
        self._ready = ready
        self._listening: list[tuple[socket.socket, socket.socket]] = []
        self._watch: asyncio.Task[None] | None = None

    async def run_on(self, listener: socket.socket) -> None:
        gc.set_threshold(*COLLECT)
        # uvicorn raises the signal it got once more when it is done: by then there is nothing left to be told.
        for told in (signal.SIGTERM, signal.SIGINT):
            signal.signal(told, _nothing)
        await self.serve(sockets=[listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # The second of each pair is for the end, when there may be no file descriptor left. By number: to copy a socket
        # makes what it is a copy of block, in all processes that have it.
        self._listening = [(each, socket.socket(fileno=os.dup(each.fileno()))) for each in sockets or ()]
        self._watch = asyncio.create_task(self.connections.watch(), name="policyroute-connections")
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As `retire`, bounded by the grace period; then everything is closed."""
        loop = asyncio.get_running_loop()
        bounds = [
            loop.call_later(self._grace, self._app.end),
            loop.call_later(self._grace + _NET, self.connections.abort),
        ]
        self.connections.retire(self._grace)
        await self._stop_listening()
        await self.connections.left()
        for bound in bounds:
            bound.cancel()
        if self.server_state.tasks:  # those whose clients are gone
            _, late = await asyncio.wait(self.server_state.tasks, timeout=_NET)
            for task in late:
                task.cancel()
        await self._app.aclose()
        await self.lifespan.shutdown()
        if self._watch is not None:
            self._watch.cancel()

    def retire(self) -> None:
        """Take no more connections, and end when those that are open have ended, however long that takes.

        Every answer says `Connection: close` from now on, and a connection without a request is closed when it has
        been quiet for a few seconds. Other processes that listen on the same socket are not disturbed.
        """
        self._leaving = asyncio.ensure_future(self._leave())

    async def _leave(self) -> None:
        self.connections.retire()
        await self._stop_listening()
        await self.connections.left()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            asyncio.get_running_loop().call_soon_threadsafe(self._hurry)
            return
        self._app.drain()
        super().handle_exit(sig, frame)

    def _hurry(self) -> None:
        self._app.end()
        self.connections.hurry()
        asyncio.get_running_loop().call_later(_NET, self.connections.abort)

    async def _stop_listening(self) -> None:
        """Connections that the system has accepted for us are served: to close their socket would reset them."""
        listening, self._listening = self._listening, []
        for server in self.servers:
            server.close()
        for listener, _ in listening:
            listener.close()
        for _, spare in listening:
            with spare:
                await self._serve_waiting(spare)

    async def _serve_waiting(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        with suppress(OSError):  # there is none left, or this process can have no more
            for _ in range(_BACKLOG):
                waiting, _ = listener.accept()
                waiting.setblocking(False)
                await loop.connect_accepted_socket(self._protocol, waiting)

    def _protocol(self) -> asyncio.Protocol:
        return self.connections.protocol(self.config, self.server_state, self.lifespan.state)
