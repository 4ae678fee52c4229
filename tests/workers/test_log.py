"""The request log that several processes write to."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

_WRITER = """
import sys
from policyroute_asgi.cli.assembly import sink
with sink("-", int(sys.argv[1])) as log:
    log(sys.argv[2].encode() * int(sys.argv[3]) + b"\\n")
"""


@contextmanager
def writer(lock: int, out: int, word: str, times: int) -> Generator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", _WRITER, str(lock), word, str(times)]
    with subprocess.Popen(command, stdout=out, pass_fds=[lock]) as process:
        yield process


def test_half_a_line_of_a_process_that_was_killed_is_a_line_of_its_own() -> None:
    ours, theirs = os.pipe()
    with tempfile.TemporaryFile() as lock, open(ours, "rb") as log:
        with writer(lock.fileno(), theirs, "half", 1_000_000) as killed:
            while select.select([], [theirs], [], 0)[1]:
                pass
            killed.kill()
        with writer(lock.fileno(), theirs, "whole", 1), writer(lock.fileno(), theirs, "whole", 1):
            os.close(theirs)
            first, *others = log.read().splitlines()
    assert first.startswith(b"halfhalf") and others == [b"whole", b"whole"]
