"""What the product writes while the tests run, looked through for canaries: logs, request lines, consoles of processes,
errors, metrics, files that it keeps.

Nothing is kept but how much there was of each source, and what was found.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.support.canaries import MARK

from policyroute_asgi.client_keys import is_whole

LOGGERS = ("policyroute", "uvicorn", "asyncio")
KINDS = frozenset({"logger", "lines", "process", "answer", "file"})
"""The first word of each source's name."""
PAGES = ("/metrics", "/-/policy", "/healthz", "/readyz")

_INPUTS = frozenset({".yaml", ".py", ".pem", ".key"})
"""Ends of names of files that tests write for the product: policies, apps, certificates, keys."""


def _base64(text: str) -> Iterator[bytes]:
    """What is the same in every base64 of something that holds the text, for each place that it may begin at."""
    for before in range(3):
        whole = b64encode(b"\0" * before + text.encode())
        yield whole[(before * 4 + 2) // 3 : -4]


_MARKS = (MARK.encode(), MARK.upper().encode(), MARK.encode().hex().encode(), *_base64(MARK))
_OURS = re.compile(rb"plr_[0-9A-Za-z]{49}")


@dataclass(frozen=True)
class Leak:
    source: str
    what: str
    test: str


@dataclass
class Written:
    """One run's. May be told of from any thread."""

    sizes: Counter[str] = field(default_factory=Counter[str])
    leaks: list[Leak] = field(default_factory=list[Leak])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, source: str, said: str | bytes) -> None:
        """Something that was written at once: no canary may be cut in two."""
        raw = said.encode("utf-8", "backslashreplace") if isinstance(said, str) else said
        found = [*_found(raw)]
        with self._lock:
            self.sizes[source] += len(raw)
            test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
            self.leaks += [Leak(source, what, test) for what in found]

    def answer(self, path: str, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """What a client or operator was told. Of an answer that is a provider's own only what is ours is looked at: its
        head, and an error in its stream."""
        self.add(f"answer head {path.partition('?')[0]}", b"\n".join(b"%b: %b" % each for each in headers))
        if status >= 400 or path in PAGES:
            self.add(f"answer {status} {path}", body)
        else:
            errors = [
                event for event in re.split(rb"\r?\n\r?\n", body) if b'"error"' in event and b'"policyroute"' in event
            ]
            self.add(f"answer events {path}", b"\n".join(errors))

    def process(self, name: str, done: CompletedProcess[str]) -> None:
        self.add(f"process {name} stdout", done.stdout or "")
        self.add(f"process {name} stderr", done.stderr or "")

    def files(self, folder: Path) -> None:
        """Every file below, but for those that tests write for the product to read."""
        for place, _, names in os.walk(folder):
            for name in names:
                path = Path(place, name)
                if path.suffix not in _INPUTS and stat.S_ISREG(path.lstat().st_mode):
                    self.add(f"file {path.relative_to(folder)}", path.read_bytes())

    def found(self) -> dict[str, Any]:
        """All of it, in words that go from process to process."""
        return {"sizes": dict(self.sizes), "leaks": [astuple(leak) for leak in self.leaks]}

    def merge(self, found: dict[str, Any]) -> None:
        self.sizes.update(found["sizes"])
        self.leaks += [Leak(*leak) for leak in found["leaks"]]

    def told(self) -> str:
        """How much was looked at."""
        kinds = Counter[str]()
        for source, size in self.sizes.items():
            kinds[source.partition(" ")[0]] += size
        parts = ", ".join(f"{kind} {size:,}" for kind, size in sorted(kinds.items()))
        return f"{self.sizes.total():,} bytes from {len(self.sizes)} sources ({parts})"

    def missing(self) -> set[str]:
        """Kinds of sources of which there was nothing."""
        return set(KINDS - {source.partition(" ")[0] for source, size in self.sizes.items() if size})


class Listening(logging.Handler):
    """Hears what is logged, tracebacks included."""

    def __init__(self, written: Written) -> None:
        super().__init__(logging.NOTSET)
        self._written = written

    def emit(self, record: logging.LogRecord) -> None:
        self._written.add(f"logger {record.name}", self.format(record))


def _found(raw: bytes) -> Iterator[str]:
    if any(mark in raw for mark in _MARKS):
        yield "a canary"
    if any(is_whole(key.decode()) for key in _OURS.findall(raw)):
        yield "the key of a client"


WRITTEN = Written()
"""This run's."""
