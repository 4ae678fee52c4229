"""From the options of `serve` to the app that they ask for: what one process alone and each of many workers do alike.

Rule of this module: nothing here knows how many processes there are.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector

from policyroute_asgi.activation import PolicySource
from policyroute_asgi.app import Gateway, gateway
from policyroute_asgi.lines import Sink, standard_output
from policyroute_asgi.load import LoadLimits
from policyroute_asgi.operator import Pages
from policyroute_asgi.usage import SharedUsage

if TYPE_CHECKING:
    from policyroute_asgi.traces.opening import TracerProvider

_WRITING, _WRITTEN = b"1", b"0"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process gives the app. `inside` answers the operator's paths on the main port, None: the app itself.
    `usage` is None where it is the only process."""

    policies: PolicySource
    log: Sink | None
    inside: Pages | None
    usage: SharedUsage | None
    traces: TracerProvider | None = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)


def app(arguments: argparse.Namespace, around: Surroundings) -> Gateway:
    ProcessCollector(registry=around.registry)
    return gateway(
        around.policies,
        open_to_all=arguments.no_auth,
        inside=around.inside,
        usage=around.usage,
        expose=arguments.expose,
        trusted_proxies=arguments.trusted_proxy,
        allowed_hosts=arguments.allowed_host,
        allowed_origins=arguments.allowed_origin,
        load=LoadLimits(arguments.concurrency, arguments.queue, arguments.queue_timeout),
        log=around.log,
        state_dir=arguments.state_dir,
        state_url=arguments.state_url,
        grace=arguments.grace,
        registry=around.registry,
        traces=around.traces,
    )


@contextmanager
def sink(name: str, lock: int | None = None) -> Generator[Sink | None]:
    """Where the request log goes: `--log`. Raises OSError where the file cannot be opened.

    `lock` is a descriptor of a file that all processes which write there share, so that lines stay whole.
    """
    if name == "none":
        yield None
    elif name == "-":
        yield standard_output if lock is None else _in_turn(standard_output, lock)
    else:
        with Path(name).open("ab", buffering=0) as file:
            yield file.write if lock is None else _in_turn(file.write, lock)


def console_log(prefix: str = "") -> None:
    """What is said goes to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {prefix}%(message)s"))
    for name in ("policyroute", "uvicorn", "opentelemetry"):
        logging.getLogger(name).addHandler(handler)
    logging.getLogger("policyroute").setLevel(logging.INFO)


def _in_turn(write: Sink, lock: int) -> Sink:
    """The kernel keeps writes to a file whole, but not those to a pipe that is nearly full.

    A POSIX lock belongs to a process, not to the descriptor that all of them have from their parent; who is killed
    loses it, and leaves a note in the file that there may be half a line.
    """

    def written(lines: bytes) -> None:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        try:
            if os.pread(lock, 1, 0) == _WRITING:
                write(b"\n")
            os.pwrite(lock, _WRITING, 0)
            write(lines)
            os.pwrite(lock, _WRITTEN, 0)
        finally:
            fcntl.lockf(lock, fcntl.LOCK_UN)

    return written
