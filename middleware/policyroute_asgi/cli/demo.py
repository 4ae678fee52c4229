"""`policyroute demo`: the guided tour, and then a gateway to play with."""

from __future__ import annotations

import argparse
import logging
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import httpx

from policyroute_asgi.cli import FINDINGS, GOOD, PORT, render
from policyroute_asgi.cli.process import event_loop
from policyroute_asgi.demo.running import running
from policyroute_asgi.demo.screen import Screen
from policyroute_asgi.demo.tour import Tour

EXAMPLE = """  policyroute demo            # the tour, then it keeps serving
  policyroute demo --once     # the tour; status 1 if a step did not show what it should"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="end after the tour")
    parser.add_argument("--port", type=PORT, default=0, help="port on 127.0.0.1 (default: a free one)")


def run(arguments: argparse.Namespace) -> int:
    logging.getLogger("policyroute").addHandler(logging.NullHandler())  # the tour tells it better
    with tempfile.TemporaryDirectory(prefix="policyroute-demo-") as home:
        directory = Path(home) / "policies"
        with as_file(files("policyroute_asgi.demo") / "policies") as shipped:
            shutil.copytree(shipped, directory)
        try:
            with event_loop() as runner:
                return runner.run(_demo(directory, arguments.port, arguments.once))
        except OSError as error:
            render.complain(f"cannot listen on port {arguments.port}: {error.strerror}")
            return FINDINGS


async def _demo(directory: Path, port: int, once: bool) -> int:
    screen = Screen()
    async with running(directory / "main.yaml", port) as house:
        screen.opening(house.url, str(directory))
        async with httpx.AsyncClient(base_url=house.url, timeout=30) as client:
            tour = Tour(house, client, screen)
            try:
                await tour.run()
            except httpx.TransportError:
                render.complain("the gateway ended before the tour did")
                return FINDINGS
        if not once:
            screen.closing(house.url, str(directory))
            house.holder.on_change(screen.reloaded)
            await house.served
    return FINDINGS if tour.wrong else GOOD
