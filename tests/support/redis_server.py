"""A real Redis or Valkey for a test: on a free port, with nothing on the disk unless it is asked for."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as Disconnected

from policyroute_asgi.state.address import Address, address


class Server:
    """One that can be stopped and started. `folder` has its log, and its data where it is `durable`."""

    def __init__(self, folder: Path, *options: str, durable: bool = False) -> None:
        found = shutil.which("redis-server") or shutil.which("valkey-server")
        if found is None:
            pytest.skip("neither redis-server nor valkey-server is installed")
        self.port = free_port()
        kept = ("--appendonly", "yes", "--appendfsync", "always") if durable else ("--appendonly", "no")
        place = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder), "--save", "")
        self._command = [found, *place, *kept, "--logfile", str(folder / "redis.log"), *options]
        self._process: subprocess.Popen[bytes] | None = None
        password = options[options.index("--requirepass") + 1] if "--requirepass" in options else None
        self.client: Any = Redis(port=self.port, password=password)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def address(self) -> Address:
        return address(self.url)

    def names(self) -> list[bytes]:
        """Of all rows."""
        return list(self.client.scan_iter())

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)
        last = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < last, "the server does not start"
            time.sleep(0.01)

    def stop(self) -> None:
        """At once, as a crash does."""
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except Disconnected:  # not yet
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
