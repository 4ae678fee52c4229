"""A server as a process of its own: where it listens, what it says, how it ends."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

PATIENCE = 60.0
"""Seconds after which a test stops waiting for a process."""
_TROUBLE = re.compile(r"Traceback|Warning|was destroyed|never retrieved|never awaited|Unclosed|internal error")


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
            for line in console:
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
