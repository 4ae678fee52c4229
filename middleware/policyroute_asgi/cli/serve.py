"""`policyroute serve`: the gateway as a process.

Rule of this module: it reads the options, opens what the process owns, and says why it does not start. How requests are
served is known to `alone` and `supervised`. Requests are logged to standard output, all else is said on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

from policyroute.problems import PolicyErrors
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.cli import (
    FINDINGS,
    GOOD,
    MISUSE,
    PORT,
    SECONDS,
    Options,
    alone,
    assembly,
    callers,
    operator_port,
    render,
    secrets_option,
    supervised,
    whole,
)
from policyroute_asgi.cli.process import event_loop, listen, spelled
from policyroute_asgi.lines import Sink
from policyroute_asgi.load import LoadLimits
from policyroute_asgi.preparation import Preparation
from policyroute_asgi.state.address import VARIABLE, address, usable
from policyroute_asgi.traces.opening import EXPORTER_VARIABLE, EXPORTERS, trouble
from policyroute_asgi.workers.child import NotReadyError

EXAMPLE = """  policyroute serve policies/ --port 8080 --state-dir /var/lib/policyroute
  kill -HUP $(pidof -x policyroute)    # read policies and keys again now
  kill -USR2 $(pidof -x policyroute)   # new workers in place of the old ones, and no stream is lost"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="the policy directory, or one file; it is watched")
    _configure_place(parser.add_argument_group("where, and with how many processes"))
    _configure_callers(parser.add_argument_group("who may call"))
    _configure_files(parser.add_argument_group("files"))
    _configure_load(parser.add_argument_group("how much, and for how long"))


def _configure_place(group: Options) -> None:
    group.add_argument("--host", type=_host, default="127.0.0.1", help="address to listen on (default: %(default)s)")
    group.add_argument("--port", type=PORT, default=8080, help="0 takes a free one (default: %(default)s)")
    group.add_argument(
        "--workers",
        type=whole(1, 64),
        default=1,
        metavar="N",
        help="processes that serve; with 2 or more a supervisor replaces those that die (default: %(default)s)",
    )
    group.add_argument(
        "--operator",
        type=operator_port.address,
        metavar="ADDR",
        help="serve /metrics and /-/* there and nowhere else: unix:/path, or a loopback address with a port",
    )


def _configure_callers(group: Options) -> None:
    group.add_argument(
        "--no-auth", action="store_true", help="let everybody who reaches --host in, even where it is not loopback"
    )
    callers.options(group)
    group.add_argument(
        "--expose", choices=("none", "id", "full"), help="X-Policyroute-* headers (default: full on loopback, else id)"
    )


def _configure_files(group: Options) -> None:
    secrets_option(group)
    group.add_argument(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="keep the last good policy here, for a start with a broken one, and read which keys are revoked",
    )
    group.add_argument(
        "--state-url",
        type=_state_url,
        default=os.environ.get(VARIABLE),
        metavar="URL",
        help="keep what outlives a request in this Redis or Valkey, for several machines: redis://host:6379/0, or"
        f" rediss:// with TLS (default: ${VARIABLE})",
    )
    group.add_argument(
        "--strict-start", action="store_true", help="refuse to start with a broken directory, whatever was kept"
    )
    group.add_argument(
        "--log",
        default="-",
        metavar="FILE",
        help="JSON lines of requests: a file, - for standard output, which is the default, or `none`",
    )
    group.add_argument(
        "--traces",
        choices=EXPORTERS,
        default=os.environ.get(EXPORTER_VARIABLE) or "none",
        help="send OpenTelemetry spans to the collector that the OTEL_* variables name"
        f" (default: ${EXPORTER_VARIABLE}, or none)",
    )


def _configure_load(group: Options) -> None:
    load = LoadLimits()
    group.add_argument(
        "--concurrency",
        type=whole(1, 1_000_000),
        default=load.concurrency,
        metavar="N",
        help="requests that a process serves at once (default: %(default)s)",
    )
    group.add_argument(
        "--queue",
        type=whole(0, 1_000_000),
        default=load.queue,
        metavar="N",
        help="requests that may wait for that; more are told to come back (default: %(default)s)",
    )
    group.add_argument(
        "--queue-timeout",
        type=SECONDS,
        default=round(load.patience),
        metavar="SECONDS",
        help="how long they may wait (default: %(default)s)",
    )
    group.add_argument(
        "--max-connections",
        type=whole(1, 1_000_000),
        metavar="N",
        help="of clients, in each process (default: half the files it may open, as each may need one to a provider)",
    )
    group.add_argument(
        "--keep-alive",
        type=whole(1, 86_400),
        metavar="SECONDS",
        help="how long a connection stays open without a request (default: 75)",
    )
    group.add_argument(
        "--grace",
        type=SECONDS,
        default=30,
        metavar="SECONDS",
        help="how long open requests may go on at shutdown (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    host: str = arguments.host
    if trouble := _places(arguments):
        render.complain(trouble)
        return MISUSE
    assembly.console_log()
    for early in (signal.SIGHUP, signal.SIGUSR2):  # what they ask for is done anyway by whoever starts
        signal.signal(early, signal.SIG_IGN)
    with ExitStack() as resources:
        try:
            log = resources.enter_context(assembly.sink(arguments.log))
            listener = resources.enter_context(listen(host, arguments.port))
            desk = resources.enter_context(operator_port.opened(arguments.operator))
        except OSError as error:
            render.complain(f"cannot open {error.filename or spelled(host, arguments.port)}: {error.strerror}")
            return FINDINGS
        # A supervisor serves no requests, so it is content with the loop that knows child processes best.
        with event_loop() if arguments.workers == 1 else asyncio.Runner() as runner:
            return runner.run(_serve(arguments, listener, desk, log))


async def _serve(
    arguments: argparse.Namespace, listener: socket.socket, desk: socket.socket | None, log: Sink | None
) -> int:
    preparation = Preparation(arguments.directory, arguments.state_dir, arguments.secrets_dir, freeze=True)
    holder = PolicyHolder(preparation, strict_start=arguments.strict_start)
    errors = render.console(sys.stderr)
    say = logging.getLogger("policyroute.serve")
    if arguments.directory.is_file():
        say.warning("%s alone is served: no other file of its directory is read", arguments.directory)
    try:
        await holder.start()
        if not (_loopback(arguments.host) or arguments.no_auth or holder.current.policy.program.clients):
            render.complain(
                f"`--host {arguments.host}` lets others in, and nothing asks them who they are. Name `clients` in the"
                " policy (`policyroute client add`), or say `--no-auth`"
            )
            return MISUSE
        if arguments.workers == 1:
            await alone.run(arguments, holder, listener, desk, log)
        else:
            await supervised.run(arguments, holder, listener, desk)
    except PolicyErrors as error:
        render.problems(error.problems, arguments.directory, errors)
        errors.print("[red]not started:[/] there is no usable policy")
        return FINDINGS
    except NotReadyError as error:
        errors.print(f"[red]not started:[/] a worker does not serve: {error}", soft_wrap=True)
        return FINDINGS
    finally:
        await holder.aclose()
    return GOOD


def _places(arguments: argparse.Namespace) -> str | None:
    """What is wrong with the places that were named."""
    if arguments.state_url is not None:
        try:
            usable(arguments.state_url, arguments.state_dir)
        except ValueError as error:
            return f"--state-url: {error}"
    if found := trouble(arguments.traces):
        return f"--traces: {found}"
    secrets, state, policies = arguments.secrets_dir, arguments.state_dir, arguments.directory
    if secrets is not None and not secrets.is_dir():
        return f"--secrets-dir {secrets}: there is no such directory"
    if state is not None and policies.is_dir() and state.resolve() == policies.resolve():
        return "--state-dir is the policy directory: what the gateway keeps would be read as policy"
    return None


def _state_url(given: str) -> str:
    try:
        address(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return given


def _host(given: str) -> str:
    """An IPv6 address may stand in brackets, as it does in URLs."""
    return given[1:-1] if given.startswith("[") and given.endswith("]") else given


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
