"""Log lines that leave the event loop at once and reach their sink from a thread.

Rule of this module: a sink that does not keep up costs lines, which are counted, never time on the loop. What is to be
said is made a line in the thread, many at once: one after the other they cost half of what they do between requests.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

_edge = logging.getLogger("policyroute.edge")

Sink = Callable[[bytes], object]
"""Takes whole lines, newlines included. It may block."""

GATHER = 0.05
"""Seconds lines gather before they are written in one go: one wake-up for many requests."""
LINGER = 100
"""Times of GATHER without a line after which the thread ends: starting one costs more than a request."""


Said = TypeVar("Said")


class LineWriter(Generic[Said]):
    """`write` never blocks. A thread runs as long as lines keep coming; it does not keep the process alive.

    `form` makes the line of what is written, without a newline. It is called in the thread.
    """

    def __init__(self, sink: Sink, form: Callable[[Said], bytes], *, limit: int = 10_000) -> None:
        self._sink = sink
        self._form = form
        self._limit = limit
        self._waiting: deque[Said] = deque()
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def write(self, said: Said) -> None:
        """Hand over what is to be one line. It is dropped, and counted, where `limit` of them are waiting."""
        with self._lock:
            if len(self._waiting) >= self._limit:
                self.dropped += 1
                return
            self._waiting.append(said)
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
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if waiting:
                self._put(waiting)
            idle = 0 if waiting else idle + 1
            with self._lock:
                if not self._waiting and (idle > LINGER or self._hurry.is_set()):
                    self._hurry.clear()
                    self._thread = None
                    return

    def _put(self, waiting: list[Said]) -> None:
        lines = [self._line(said) for said in waiting]
        try:
            self._sink(b"".join(lines))
        except Exception:  # noqa: BLE001 - whatever becomes of the sink, the gateway outlives it
            self.dropped += len(lines)

    def _line(self, said: Said) -> bytes:
        try:
            return self._form(said) + b"\n"
        except Exception as error:  # noqa: BLE001 - what cannot be told costs its own line
            _edge.error("internal error: a log line could not be made (%s)", type(error).__name__)
            return b""


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
