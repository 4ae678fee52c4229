"""`policyroute serve`: the gateway as a process.

Rule of this module: it wires the policy holder, the app and uvicorn together and owns the process: its signals, its
socket, its console. Requests are logged to standard output, everything else is said on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from policyroute.problems import PolicyErrors
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.app import gateway
from policyroute_asgi.cli import FINDINGS, GOOD, MISUSE, PORT, SECONDS, render
from policyroute_asgi.cli.process import Server, event_loop, listen, url
from policyroute_asgi.lines import Sink, standard_output
from policyroute_asgi.preparation import Preparation

EXAMPLE = """  policyroute serve policies/ --port 8080 --state-dir /var/lib/policyroute
  kill -HUP $(pidof -x policyroute)    # read policies and keys again now"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="the policy directory; it is watched")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=PORT, default=8080, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--no-auth", action="store_true", help="let everybody who reaches --host in, even where it is not loopback"
    )
    parser.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="keep the last good policy here, for a start with a broken one"
    )
    parser.add_argument(
        "--strict-start", action="store_true", help="refuse to start with a broken directory, whatever was kept"
    )
    parser.add_argument(
        "--expose", choices=("none", "id", "full"), help="X-Policyroute-* headers (default: full on loopback, else id)"
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name this gateway is called by, besides localhost and addresses; * for any (repeat for more)",
    )
    parser.add_argument(
        "--allowed-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="web pages of this origin may call, such as https://chat.example; * for all (repeat for more)",
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="NETWORK",
        help="believe X-Forwarded-For of proxies at this address or network (repeat for more)",
    )
    parser.add_argument(
        "--log", default="-", metavar="FILE", help="JSON lines of requests: a file, - for standard output, or `none`"
    )
    parser.add_argument(
        "--grace",
        type=SECONDS,
        default=30,
        metavar="SECONDS",
        help="how long open requests may go on at shutdown",
    )


def run(arguments: argparse.Namespace) -> int:
    host: str = arguments.host
    if not (_loopback(host) or arguments.no_auth):
        render.complain(
            f"`--host {host}` lets others in, and nothing asks them who they are. Serve loopback behind a proxy that"
            " authenticates, or say `--no-auth`"
        )
        return MISUSE
    _console_log()
    with ExitStack() as resources:
        try:
            log = resources.enter_context(_sink(arguments.log))
            listener = resources.enter_context(listen(host, arguments.port))
        except OSError as error:
            render.complain(f"cannot open {error.filename or f'{host}:{arguments.port}'}: {error.strerror}")
            return FINDINGS
        with event_loop() as runner:
            return runner.run(_serve(arguments, listener, log))


async def _serve(arguments: argparse.Namespace, listener: socket.socket, log: Sink | None) -> int:
    directory: Path = arguments.directory
    preparation = Preparation(directory, arguments.state_dir, freeze=True)
    holder = PolicyHolder(preparation, strict_start=arguments.strict_start)
    try:
        await holder.start()
    except PolicyErrors as error:
        errors = render.console(sys.stderr)
        render.problems(error.problems, directory, errors)
        errors.print("[red]not started:[/] there is no usable policy")
        await holder.aclose()
        return FINDINGS
    app = gateway(
        holder,
        expose=arguments.expose,
        trusted_proxies=arguments.trusted_proxy,
        allowed_hosts=arguments.allowed_host,
        allowed_origins=arguments.allowed_origin,
        log=log,
        grace=arguments.grace,
    )
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task = asyncio.ensure_future(holder.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    say = logging.getLogger("policyroute.serve").info
    await Server(app, arguments.grace, lambda: say("listening on %s", url(listener))).run_on(listener)
    await holder.aclose()
    return GOOD


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _sink(name: str) -> Generator[Sink | None]:
    """Raises OSError where the file cannot be opened."""
    if name == "none":
        yield None
    elif name == "-":
        yield standard_output
    else:
        with Path(name).open("ab", buffering=0) as file:
            yield file.write


def _console_log() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("policyroute", "uvicorn"):
        logging.getLogger(name).addHandler(handler)
    logging.getLogger("policyroute").setLevel(logging.INFO)
