"""Lines of the request log, from files and standard input, into figures.

Rule of this module: a line that makes no sense is counted, and stops nothing.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import orjson

from policyroute.report import Figures
from policyroute.report.line import Told, read

_GZIP: Final = b"\x1f\x8b"


@dataclass(slots=True)
class Seen:
    """Lines that were read, those that were no request's, and requests within the time asked for."""

    all: int = 0
    unknown: int = 0
    requests: int = 0


def gather(log: str, figures: Figures, seen: Seen, since: float | None, until: float | None) -> None:
    """Add what a file says, or standard input where it is `-`, of requests from `since` until before `until`, epoch
    seconds. Raises OSError or EOFError where it cannot be read to its end; what was read by then is added."""
    with _opened(log) as source:
        for line in source:
            seen.all += 1
            told = _read(line)
            if told is None:
                seen.unknown += 1
            elif (since is None or told.at >= since) and (until is None or told.at < until):
                seen.requests += 1
                figures.add(told)


def _read(line: bytes) -> Told | None:
    try:
        return read(orjson.loads(line))
    except orjson.JSONDecodeError:
        return None


@contextmanager
def _opened(log: str) -> Generator[IO[bytes]]:
    if log == "-":
        yield sys.stdin.buffer
        return
    with Path(log).open("rb") as file:
        packed = file.peek(2)[:2] == _GZIP
        if not packed:
            yield file
            return
        with gzip.open(file) as unpacked:
            yield unpacked  # type: ignore[misc]
