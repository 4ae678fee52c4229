"""A worker process: the gateway on the supervisor's socket, serving what the supervisor sends.

Rule of this module: it lives as long as its supervisor. When the line to it ends, so does the worker, in good order.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
from types import FrameType
from typing import TYPE_CHECKING, Final

from policyroute import __version__
from policyroute_asgi import operator
from policyroute_asgi.cli import assembly
from policyroute_asgi.cli.process import Server, connection_limits, event_loop
from policyroute_asgi.lines import Sink
from policyroute_asgi.operator import NUMBERS, POLICY, STATUS, Page, Pages
from policyroute_asgi.traces.opening import sending
from policyroute_asgi.workers.channel import Channel
from policyroute_asgi.workers.counts import Counts
from policyroute_asgi.workers.following import Follower
from policyroute_asgi.workers.messages import (
    Ask,
    Begin,
    Count,
    Counted,
    End,
    FromSupervisor,
    Others,
    Overridden,
    Paged,
    Ready,
    Retire,
    Revoked,
    Serve,
    Stop,
    Told,
    Unable,
    Uses,
)
from policyroute_asgi.workers.sharing import WorkersUsage

if TYPE_CHECKING:
    from policyroute_asgi.traces.opening import TracerProvider

_PULSE: Final = 1.0
"""Seconds between two reports of numbers."""
_PATIENCE: Final = 5.0
"""Seconds that the supervisor gets for a page."""


def run(channel: int, listener: int, lock: int) -> int:
    """The whole life of a worker, on these inherited file descriptors. Returns the exit status."""
    for deaf in (signal.SIGHUP, signal.SIGUSR2, signal.SIGINT):
        signal.signal(deaf, signal.SIG_IGN)
    with event_loop() as runner:
        return runner.run(_work(socket.socket(fileno=channel), socket.socket(fileno=listener), lock))


async def _work(line: socket.socket, listener: socket.socket, lock: int) -> int:
    channel = await Channel.over(line)
    channel.send_bytes(__version__.encode())
    try:
        begin: Begin | None = await channel.receive()
        if begin is None:
            return 0
        assembly.console_log(f"worker {begin.number}: ")
        with assembly.sink(begin.arguments.log, lock) as log:
            async with sending(begin.arguments.traces) as traces:
                await Worker(channel, begin, log, traces).run(listener)
        return 0
    except OSError as error:
        channel.send(Unable(f"{error.filename or 'it'}: {error.strerror}"))
        return 1
    finally:
        await channel.aclose()


class _WorkerServer(Server):
    """A signal begins the end, and the second does nothing: whoever tells all processes tells the supervisor too."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            super().handle_exit(sig, frame)

    def end(self) -> None:
        super().handle_exit(signal.SIGTERM, None)


class Worker:
    """One gateway and its line to the supervisor."""

    def __init__(self, channel: Channel, begin: Begin, log: Sink | None, traces: TracerProvider | None = None) -> None:
        arguments = begin.arguments
        self._channel = channel
        self._follower = Follower(channel.send)
        self._usage = WorkersUsage(lambda values: channel.send(Uses(values)))
        self._counting = asyncio.Lock()
        self._asked = 0
        self._pages: dict[int, asyncio.Future[Page]] = {}
        self._numbers = itertools.count()
        self._ready = False
        paths = () if arguments.operator else (NUMBERS, POLICY, STATUS)
        inside: Pages = {path: self._page_of(path) for path in paths}
        around = assembly.Surroundings(self._follower, log, inside, self._usage, traces)
        self._counts = Counts(around.registry)
        app = assembly.app(arguments, around)
        limits = connection_limits(arguments.max_connections, arguments.keep_alive)
        self._server = _WorkerServer(app, arguments.grace, self._serves, limits)

    async def run(self, listener: socket.socket) -> None:
        """Serve until told to end, or the line ends."""
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._server.run_on(listener))
            beside = (self._listen(), self._follower.follow(), self._report_always())
            tasks = [group.create_task(work) for work in beside]
            await asyncio.wait({serving})
            for task in tasks:
                task.cancel()
        await self._report(self._asked)

    async def _listen(self) -> None:
        while True:
            message: FromSupervisor | None = await self._channel.receive()
            if not self._ready and (message is None or isinstance(message, Stop | End)):
                os._exit(
                    0
                )  # nobody was let in yet: there is nothing to end, and a policy that is made is not waited for
            if message is None:
                self._server.handle_exit(signal.SIGTERM, None)
                return
            await self._heard(message)

    async def _heard(self, message: FromSupervisor) -> None:
        match message:
            case Serve() | Told():
                self._follower.obey(message)
            case Revoked(keys):
                self._follower.revoked = keys
            case Overridden(known):
                self._follower.overrides.learn(known)
            case Others(values):
                self._usage.others = values
            case Count(asked):
                self._asked = asked
                await self._report(asked)
            case Paged(asked, page):
                answer = self._pages.get(asked)
                if answer is not None and not answer.done():  # it may have been given up in this very moment
                    answer.set_result(page)
            case Begin():
                pass
            case Retire() | Stop() | End():
                self._leave(message)

    def _leave(self, how: Retire | Stop | End) -> None:
        match how:
            case Retire():
                self._server.retire()
            case Stop():
                self._server.handle_exit(signal.SIGTERM, None)
            case End():
                self._server.end()

    def _serves(self) -> None:
        self._ready = True
        self._channel.send(Ready())

    async def _report_always(self) -> None:
        while True:
            await self._report(self._asked)
            await asyncio.sleep(_PULSE)

    async def _report(self, asked: int) -> None:
        async with self._counting:
            # Off the loop: there may be thousands of them.
            self._channel.send(Counted(asked, await asyncio.to_thread(self._counts.changes)))

    def _page_of(self, path: str) -> operator.Reader:
        async def ask() -> Page:
            asked = next(self._numbers)
            answer: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
            self._pages[asked] = answer
            self._channel.send(Ask(asked, path))
            try:
                async with asyncio.timeout(_PATIENCE):
                    page = await answer
            except TimeoutError:
                return operator.json(503, {"error": "the supervisor does not answer"})
            finally:
                del self._pages[asked]
            return page

        return ask
