"""Servers that others wrote, each a process of its own. Where one is not installed its tests are skipped and say so."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PATIENCE = 30.0
"""Seconds that a server may take to end."""
HOW = "`scripts/setup independent` installs it"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def serving(command: Sequence[str]) -> Generator[str]:
    """A process that says its address once it serves, until the block ends."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said: list[str] = []
        found = None
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        rest = threading.Thread(target=deque[str](maxlen=0).extend, args=(process.stdout,))
        rest.start()  # nobody reads what it says, and it must not wait for that
        try:
            if found is None:
                pytest.fail(f"it ended before it served: {''.join(said)}")
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
            rest.join()


@pytest.fixture(scope="session")
def aimock() -> Generator[str]:
    """The address of `@copilotkit/aimock`."""
    node = shutil.which("node")
    program = HERE / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    if node is None:
        pytest.skip("node is not installed")
    if not program.exists():
        pytest.skip(f"@copilotkit/aimock is not installed: {HOW}")
    command = [node, str(program), "-p", "0", "-f", str(HERE / "fixtures.json"), "--strict"]
    with serving(command) as url:
        yield url


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of llama.cpp's server, with a tiny model."""
    for name in ("xllamacpp", "gguf"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed: {HOW}")
    folder = tmp_path_factory.mktemp("model")
    with serving([sys.executable, str(HERE / "tiny_llama.py"), str(folder)]) as url:
        yield url
