"""`policyroute serve` under a service manager: who is told that it serves, and signals that come before it does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

PATIENCE = 30.0
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(directory: Path) -> Generator[Start]:
    started: list[subprocess.Popen[str]] = []

    def serve(*words: str, notify: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "policyroute_asgi", "serve", str(directory), "--port", "0", *words]
        environment = {**os.environ, "NOTIFY_SOCKET": notify}
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment))
        return started[-1]

    yield serve
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_is_told_when_requests_are_served(
    workers: str, abstract: bool, tmp_path: Path, start: Start
) -> None:
    address = f"@policyroute-{os.getpid()}-{workers}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:] if abstract else address)
        manager.settimeout(PATIENCE)
        process = start("--workers", workers, notify=address)
        assert manager.recv(100) == b"READY=1"
        process.terminate()
        said = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, "listening on" in said) == (0, True)


def test_a_manager_that_is_gone_is_no_trouble(tmp_path: Path, start: Start) -> None:
    process = start(notify=str(tmp_path / "nobody"))
    assert process.stderr is not None
    assert any("listening on" in line for line in process.stderr)
    process.terminate()
    assert process.wait(PATIENCE) == 0


def ignores(pid: int, what: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigIgn:")[2].split()[0], 16) & 1 << (what - 1))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc that tells of signals")
@pytest.mark.parametrize("early", [signal.SIGHUP, signal.SIGUSR2])
def test_a_signal_before_it_serves_does_not_kill_it(
    early: signal.Signals, directory: Path, tmp_path: Path, start: Start
) -> None:
    """The log is a pipe that nobody reads yet: it is opened after signals may come, and before the start goes on."""
    log = tmp_path / "log"
    os.mkfifo(log)
    process = start("--log", str(log))
    assert process.stderr is not None
    until = time.monotonic() + PATIENCE
    while not ignores(process.pid, early):
        assert time.monotonic() < until
    process.send_signal(early)
    with open(os.open(log, os.O_RDONLY | os.O_NONBLOCK), "rb"):
        assert any("listening on" in line for line in process.stderr)
        process.terminate()
        assert process.wait(PATIENCE) == 0
