"""A server as a process of its own: where it listens, what it says, how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from queue import Queue

import httpx
from tests.support.written import PAGES, WRITTEN

PATIENCE = 60.0
"""Seconds after which a test stops waiting for a process."""
_TROUBLE = re.compile(r"Traceback|Warning|was destroyed|never retrieved|never awaited|Unclosed|internal error")


def overheard(name: str, console: Iterable[str]) -> Iterator[str]:
    """The lines of a process, each looked at for what it must not say."""
    for line in console:
        WRITTEN.add(f"process {name}", line)
        yield line


def _looked_at(response: httpx.Response) -> None:
    if response.status_code >= 400 or response.url.path in PAGES:
        response.read()
    body = response.content if response.is_closed else b""
    WRITTEN.answer(response.url.path, response.status_code, response.headers.raw, body)


class Uvicorn:
    """`uvicorn TARGET` on a free port. It is waited for where it is needed only, so that several start together."""

    def __init__(self, folder: Path, target: str, *options: str) -> None:
        warned = ["-W", "always::ResourceWarning", "-m", "uvicorn", target, "--app-dir", str(folder)]
        command = [sys.executable, *warned, "--port", "0", "--no-access-log", *options]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._console: list[str] = []
        self._url = ""
        self._told = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as console:
            for line in overheard("uvicorn stderr", console):
                self._console.append(line)
                if found := re.search(r"running on (http://\S+)", line):
                    self._url = found[1]
                    self._told.set()
        self._told.set()

    @property
    def url(self) -> str:
        """Its base URL, once it listens."""
        assert self._told.wait(PATIENCE)
        assert self._url, f"it did not start:\n{''.join(self._console)}"
        return self._url

    def terminate(self) -> None:
        self._process.terminate()

    def ended(self) -> tuple[int, str]:
        """(exit status, all that it said)."""
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status, "".join(self._console)

    def trouble(self) -> list[str]:
        """Ends it; what it said that nobody wants to read."""
        self.terminate()
        return [line for line in self.ended()[1].splitlines() if _TROUBLE.search(line)]


class Gateway:
    """`policyroute serve` on a free port, and what it says on its console, line by line."""

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
        for line in overheard("serve stderr", self.process.stderr):
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
        return httpx.Client(base_url=self.url(), timeout=PATIENCE, event_hooks={"response": [_looked_at]})

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
            out = "".join(overheard("serve stdout", self.process.stdout))
            self._reader.join()
        return self.process.wait(PATIENCE), out
