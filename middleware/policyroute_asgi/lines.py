"""Log lines that leave the event loop at once and reach their sink from a thread of their own.

Rule of this module: a sink that does not keep up costs lines, which are counted, never time on the loop.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

Sink = Callable[[bytes], object]
"""Takes whole lines, newline included. It may block."""

GATHER = 0.02
"""Seconds the thread lets lines gather before it writes them in one go: one wake-up for many requests."""


class LineWriter:
    """`write` never blocks. The thread starts with the first line and does not keep the process alive."""

    def __init__(self, sink: Sink, *, limit: int = 10_000) -> None:
        self._sink = sink
        self._limit = limit
        self._waiting: deque[bytes] = deque()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self.dropped = 0

    def write(self, line: bytes) -> None:
        """Hand over one line, without its newline. It is dropped, and counted, where `limit` lines are waiting."""
        if self._closing or len(self._waiting) >= self._limit:
            self.dropped += 1
            return
        self._waiting.append(line)
        if not self._awake.is_set():
            self._awake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="policyroute-log", daemon=True)
                self._thread.start()

    def close(self, timeout: float = 2.0) -> None:
        """Take no more lines and wait for those handed over, `timeout` seconds at most: a blocked sink is left."""
        self._closing = True
        self._awake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not (self._closing and not self._waiting):
            self._awake.wait()
            if not self._closing:
                time.sleep(GATHER)
            self._awake.clear()
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if lines:
                self._put(lines)
            if self._closing:
                self._awake.set()

    def _put(self, lines: list[bytes]) -> None:
        lines.append(b"")
        try:
            self._sink(b"\n".join(lines))
        except (OSError, ValueError):  # a closed pipe or file: the gateway outlives its log
            self.dropped += len(lines) - 1
