"""Child processes of a benchmark: started on a free port, waited for, measured through /proc, stopped."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_OPEN = frozenset({"01", "04", "05", "08"})
"""ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, as the kernel writes them."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")


@contextmanager
def module(
    name: str, port: int, *arguments: str, package: str = "scripts.benchmarks"
) -> Generator[subprocess.Popen[bytes]]:
    """Runs `python -m PACKAGE.NAME PORT ...` until the block ends."""
    command = [sys.executable, "-m", f"{package}.{name}", str(port), *arguments]
    process = subprocess.Popen(command)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()  # it waits for streams that are meant to stay open
            process.wait(5)


def raise_files() -> int:
    """How many file descriptors this process and its children may have, after all that it can get was asked for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else sys.maxsize


def files(pid: int) -> int:
    """File descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process's threads that there are, as the scheduler counts it, in nanoseconds: the ticks
    of /proc/PID/stat are a hundredth of a second, which is 5 µs a request where there are 2,000."""
    counts = [path.read_text().split()[0] for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(map(int, counts)) / 1e9


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    """File descriptors, sockets among them."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def connections_to(port: int) -> int:
    """Connections of this machine to a port of it, open or half closed."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[2].endswith(f":{port:04X}") and fields[3] in _OPEN for fields in lines)


def clients_of(pid: int, port: int) -> set[int]:
    """The ports of the clients whose connections to `port` this process has accepted."""
    sockets = {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd") if os.path.islink(entry.path)}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(fields[2].split(":")[1], 16)
        for fields in lines
        if fields[1].endswith(f":{port:04X}") and f"socket:[{fields[9]}]" in sockets
    }
