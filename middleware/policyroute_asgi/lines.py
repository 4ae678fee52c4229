"""Log lines that leave the event loop at once and reach their sink from a thread.

Rule of this module: a sink that does not keep up costs lines, which are counted, never time on the loop.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable

Sink = Callable[[bytes], object]
"""Takes whole lines, newlines included. It may block."""

GATHER = 0.02
"""Seconds lines gather before they are written in one go: one wake-up for many requests."""
LINGER = 100
"""Times of GATHER without a line after which the thread ends: starting one costs more than a request."""


class LineWriter:
    """`write` never blocks. A thread runs as long as lines keep coming; it does not keep the process alive."""

    def __init__(self, sink: Sink, *, limit: int = 10_000) -> None:
        self._sink = sink
        self._limit = limit
        self._waiting: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def write(self, line: bytes) -> None:
        """Hand over one line, without its newline. It is dropped, and counted, where `limit` lines are waiting."""
        with self._lock:
            if len(self._waiting) >= self._limit:
                self.dropped += 1
                return
            self._waiting.append(line)
            if self._thread is not None:
                return
            thread = self._thread = threading.Thread(target=self._run, name="policyroute-log", daemon=True)
        thread.start()

    def flush(self, timeout: float = 2.0) -> None:
        """Wait for the lines handed over so far, `timeout` seconds at most: a blocked sink is left to itself."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._hurry.set()
            thread.join(timeout)

    def _run(self) -> None:
        idle = 0
        while True:
            self._hurry.wait(GATHER)
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if lines:
                self._put(lines)
            idle = 0 if lines else idle + 1
            with self._lock:
                if not self._waiting and (idle > LINGER or self._hurry.is_set()):
                    self._hurry.clear()
                    self._thread = None
                    return

    def _put(self, lines: list[bytes]) -> None:
        lines.append(b"")
        try:
            self._sink(b"\n".join(lines))
        except Exception:  # noqa: BLE001 - whatever becomes of the sink, the gateway outlives it
            self.dropped += len(lines) - 1


def standard_output(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()


def logger(name: str) -> Sink:
    """A sink that makes each line the message of a record at level INFO."""
    target = logging.getLogger(name)

    def write(lines: bytes) -> None:
        if target.isEnabledFor(logging.INFO):
            for line in lines.splitlines():  # as bytes: text has more line ends than JSON escapes
                target.info("%s", line.decode())

    return write
