"""`policyroute serve --workers N`: the supervisor's process, its signals and its console.

Rule of this module: it serves no client. That is what workers are for.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
import tempfile
from collections.abc import Coroutine

from policyroute_asgi import operator
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.cli import started
from policyroute_asgi.cli.operator_port import name, served
from policyroute_asgi.cli.process import url
from policyroute_asgi.operator import Page
from policyroute_asgi.operator_app import OperatorApp
from policyroute_asgi.workers.supervisor import Supervisor

_CONVERGING = 30.0
"""Seconds that somebody who asks for a reload is made to wait for the workers."""


async def run(
    arguments: argparse.Namespace,
    holder: PolicyHolder,
    listener: socket.socket,
    operator_listener: socket.socket | None,
) -> None:
    """Have workers serve what `holder`, which has been started, holds, until a signal says to end.

    Raises NotReadyError where one of them does not come to serve.
    """
    say = logging.getLogger("policyroute.serve")
    with tempfile.TemporaryFile() as lock:
        supervisor = Supervisor(holder, arguments, (listener.fileno(), lock.fileno()))
        pages = supervisor.pages
        tasks: set[asyncio.Task[object]] = set()

        def soon(work: Coroutine[object, object, object]) -> None:
            task = asyncio.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def reload() -> Page:
            await holder.reload()
            try:
                async with asyncio.timeout(_CONVERGING):
                    await supervisor.converged()
            except TimeoutError:
                pass  # the page says so
            return await pages.policy()

        async def restart() -> Page:
            if supervisor.restart():
                return operator.json(202, {"restart": "begun"})
            return operator.json(409, {"error": "a start, a restart or the shutdown is going on already"})

        def stop() -> None:
            listener.close()
            supervisor.stop()

        def ready() -> None:
            say.info("%d workers serve", arguments.workers)
            say.info("listening on %s", url(listener))
            if operator_listener is not None:
                say.info("operator pages on %s", name(operator_listener))
            started.ready()

        loop = asyncio.get_running_loop()
        for told in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(told, stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: soon(holder.reload()))
        loop.add_signal_handler(signal.SIGUSR2, supervisor.restart)
        desk = OperatorApp({**pages.probes, **pages.inside}, {"/-/reload": reload, "/-/restart": restart})
        async with served(desk, operator_listener):
            await supervisor.run(ready)
