"""A gateway in a process of its own: its socket, its server, its end.

Rule of this module: what `serve` and `demo` do alike, and nothing about policies.
"""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from policyroute_asgi.app import Gateway

_NET = 5
"""Seconds that connections get to close once the app has ended what was open."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    # Connections inherit it: without it a small answer waits 40 ms for the client's delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def event_loop() -> asyncio.Runner:
    """A runner for the fastest event loop there is on this system."""
    return asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory())


def url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _nothing(sig: int, frame: FrameType | None) -> None:
    del sig, frame


class Server(uvicorn.Server):
    """Serves until `should_exit` is set or SIGTERM or SIGINT comes; open requests then have the app's grace period.

    A second signal ends them at once. `grace` is the app's, seconds; `ready` is called when requests are
    served and signals are heard.
    """

    def __init__(self, app: Gateway, grace: float, ready: Callable[[], object]) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # The app ends what is open after its grace period: this is for what it does not know of.
            timeout_graceful_shutdown=math.ceil(grace) + _NET,
        )
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def run_on(self, listener: socket.socket) -> None:
        # Open requests are no garbage: to look through them after every 700 new objects takes 5 % of the CPU.
        gc.set_threshold(5_000, 20, 50)
        # uvicorn raises the signal it got once more when it is done: by then there is nothing left to be told.
        for told in (signal.SIGTERM, signal.SIGINT):
            signal.signal(told, _nothing)
        await self.serve(sockets=[listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn tells the app of the end when all requests are over: the app would never see its grace period pass.
        ended = asyncio.create_task(self._app.aclose(), name="policyroute-end")
        await super().shutdown(sockets)
        await ended

    def retire(self) -> None:
        """Take no more connections, and end when those that are open have ended."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        self._leaving = asyncio.ensure_future(self._left())

    async def _left(self) -> None:
        while self.server_state.connections:  # noqa: ASYNC110 - the server tells nobody when one has gone
            await asyncio.sleep(0.1)
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self._app.end()  # uvicorn would drop what is open without a word
            return
        self._app.drain()
        super().handle_exit(sig, frame)
