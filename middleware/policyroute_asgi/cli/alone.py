"""`policyroute serve` as one process: everything on one event loop.

Rule of this module: it owns the process's signals and its end, and nothing that a worker does too.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
from collections.abc import Coroutine

from policyroute_asgi import operator
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.app import Gateway
from policyroute_asgi.cli import assembly, started
from policyroute_asgi.cli.operator_port import name, served
from policyroute_asgi.cli.process import Server, connection_limits, url
from policyroute_asgi.lines import Sink
from policyroute_asgi.operator import POLICY, Page, Pages
from policyroute_asgi.operator_app import OperatorApp
from policyroute_asgi.traces.opening import sending

_NO_WORKERS = "a rolling restart needs workers: `--workers 2` or more"


async def run(
    arguments: argparse.Namespace,
    holder: PolicyHolder,
    listener: socket.socket,
    operator_listener: socket.socket | None,
    log: Sink | None,
) -> None:
    """Serve what `holder`, which has been started, holds, until a signal says to end."""
    async with sending(arguments.traces) as traces:
        inside: Pages | None = {} if operator_listener is not None else None
        around = assembly.Surroundings(holder, log, inside, usage=None, traces=traces)
        await _run(arguments, holder, listener, operator_listener, assembly.app(arguments, around))


async def _run(
    arguments: argparse.Namespace,
    holder: PolicyHolder,
    listener: socket.socket,
    operator_listener: socket.socket | None,
    app: Gateway,
) -> None:
    pages = app.operator
    say = logging.getLogger("policyroute.serve")
    tasks: set[asyncio.Task[object]] = set()

    def soon(work: Coroutine[object, object, object]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def reload() -> Page:
        await holder.reload()
        return await pages.inside[POLICY]()

    async def restart() -> Page:
        return operator.json(409, {"error": _NO_WORKERS})

    def ready() -> None:
        say.info("listening on %s", url(listener))
        if operator_listener is not None:
            say.info("operator pages on %s", name(operator_listener))
        started.ready()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: soon(holder.reload()))
    loop.add_signal_handler(signal.SIGUSR2, say.warning, _NO_WORKERS)
    desk = OperatorApp({**pages.probes, **pages.inside}, {"/-/reload": reload, "/-/restart": restart})
    async with served(desk, operator_listener):
        limits = connection_limits(arguments.max_connections, arguments.keep_alive)
        await Server(app, arguments.grace, ready, limits).run_on(listener)
