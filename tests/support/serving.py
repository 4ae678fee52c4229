"""A gateway process as its operator has it: what it says on its console, its signals, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from queue import Queue

import httpx

PATIENCE = 30.0
"""Seconds after which a test stops waiting for what should have come at once."""


class Gateway:
    """A gateway process, and what it says on its console, line by line."""

    def __init__(self, *words: object, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "policyroute_asgi", "serve", *map(str, words), "--port", "0"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.console: list[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put("")

    def says(self, text: str) -> str:
        """The next line of the console with this text."""
        while line := self._lines.get(timeout=PATIENCE):
            self.console.append(line)
            if text in line:
                return line
        raise AssertionError(f"it never said {text!r} but {''.join(self.console)}")

    def url(self) -> str:
        """Where it listens, once it does."""
        return self.says("listening on ").split()[-1]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url(), timeout=PATIENCE)

    def tell(self, what: signal.Signals) -> None:
        self.process.send_signal(what)

    def rest(self) -> str:
        """All that the console said, once it is over."""
        while line := self._lines.get(timeout=PATIENCE):
            self.console.append(line)
        return "".join(self.console)

    def ended(self) -> tuple[int, str]:
        """(exit status, standard output)."""
        assert self.process.stdout is not None and self.process.stderr is not None
        with self.process.stdout, self.process.stderr:
            out = self.process.stdout.read()
            self._reader.join()
        return self.process.wait(PATIENCE), out
