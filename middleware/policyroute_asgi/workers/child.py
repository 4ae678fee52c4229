"""One worker process, as its supervisor sees it.

Rule of this module: it tells the worker and hears it; what is to be done about it is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Final, Literal

from policyroute import __version__
from policyroute_asgi.usage import NOTHING, Amounts
from policyroute_asgi.workers.channel import Channel
from policyroute_asgi.workers.merged import Told
from policyroute_asgi.workers.messages import FromSupervisor, FromWorker, Retire
from policyroute_asgi.workers.patience import Ending, Patience

_LAST: Final = 10.0
"""Seconds that a worker which has said its last word gets to be gone."""

State = Literal["starting", "serving", "retiring"]


class NotReadyError(Exception):
    """A worker that was started does not serve. Its text is why."""


class Child:
    """Made by `start`. `serial` is of the policy it serves, `told` and `uses` what it said last.

    `settled` is set when it serves, or never will. `ending` is there when it is gone, or is given up; `released` is set
    when somebody else has to serve in its place.
    """

    def __init__(self, number: int, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.number = number
        self.pid = process.pid
        self.state: State = "starting"
        self.since = time.time()
        self.serial = 0
        self.told = Told()
        self.counted = 0
        self.uses: Amounts = NOTHING
        self.patience = Patience()
        self.ending: Ending | None = None
        self.settled = asyncio.Event()
        self.released = asyncio.Event()
        self._process = process
        self._channel = channel
        self._born = time.monotonic()

    @classmethod
    async def start(cls, number: int, inherited: tuple[int, ...]) -> Child:
        """A new process of this program; `inherited` are file descriptors, which its arguments name. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                kept = (theirs.fileno(), *inherited)
                process = await asyncio.create_subprocess_exec(
                    # Of the same program, wherever that was found: -P and PYTHONPATH together give it our `sys.path`.
                    *(sys.executable, "-P", "-m", "policyroute_asgi.workers", *map(str, kept)),
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=kept,
                    start_new_session=True,  # Ctrl-C is for the supervisor, which tells the workers
                )
            return cls(number, process, await Channel.over(ours))
        except BaseException:
            ours.close()  # a process that is there already ends with its line
            raise

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._born

    def tell(self, message: FromSupervisor) -> None:
        self._channel.send(message)

    async def greeted(self) -> str | None:
        """Why nothing may be read from it; None where it is of this version."""
        hello = await self._channel.receive_bytes()
        if hello is None or hello == __version__.encode():
            return None
        return f"version {hello.decode(errors='replace')} is installed now, {__version__} runs: restart the service"

    async def hear(self) -> FromWorker | None:
        """What it says next; None when it has said all."""
        message: FromWorker | None = await self._channel.receive()
        self.patience.heard()
        return message

    async def ended(self) -> None:
        """Returns when the process is gone, which has to be soon."""
        await self._channel.aclose()
        try:
            async with asyncio.timeout(_LAST):
                status = await self._process.wait()
        except TimeoutError:
            self.kill()
            status = await self._process.wait()
        if self.ending is None:
            how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            self.ending = Ending("died", how)
        self.released.set()
        self.settled.set()

    def serves(self) -> None:
        """It has said so."""
        self.state = "serving"
        self.settled.set()

    def retire(self, why: Ending | None = None) -> None:
        """It ends when what it has open has ended; somebody else serves in its place, or has to because of `why`."""
        self.ending = self.ending or why
        self.state = "retiring"
        self.released.set()
        self.tell(Retire())

    def kill(self, why: Ending | None = None) -> None:
        self.ending = self.ending or why
        with suppress(ProcessLookupError):
            self._process.kill()
