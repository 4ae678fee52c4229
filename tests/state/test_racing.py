"""Several processes that pin the same conversations at once agree, and what one was told survives its end."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import racing
from tests.support.redis_server import Server

from policyroute.sessions import read
from policyroute_asgi.state.address import address
from policyroute_asgi.state.opening import opened

pytestmark = pytest.mark.anyio
IDS = 100


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of the store; empty for the file."""
    if request.param == "sqlite":
        yield ""
        return
    server = Server(tmp_path)
    server.start()
    yield server.url
    server.stop()


def race(folder: Path, url: str, processes: int, count: int) -> subprocess.Popen[str]:
    words = [str(racing.__file__), str(folder), url, str(processes), str(count)]
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)


async def test_eight_processes_that_race_agree_on_every_pin(tmp_path: Path, url: str) -> None:
    process = race(tmp_path, url, 8, IDS)
    pins: dict[int, Counter[str]] = {number: Counter() for number in range(IDS)}
    for line in process.communicate()[0].splitlines():
        _, number, pin = line.split()
        pins[int(number)][pin] += 1
    assert process.returncode == 0
    assert {number: told for number, told in pins.items() if list(told.values()) != [8]} == {}, "divergent pins"
    store = opened(tmp_path, address(url) if url else None)
    for name, told in pins.items():
        session = read(await store.get("session", f"c{name}"))
        assert session is not None
        assert session.pin is not None
        assert session.pin.target in told
        assert session.turns == 8, "each counts, and once"
    await store.aclose()


async def test_no_acknowledged_change_is_lost_with_who_made_it(tmp_path: Path, url: str) -> None:
    process = race(tmp_path, url, 1, 1_000_000)
    assert process.stdout is not None
    said = [next(process.stdout) for _ in range(300)]
    process.kill()
    said += process.stdout
    process.wait()
    process.stdout.close()
    store = opened(tmp_path, address(url) if url else None)
    for line in said:
        assert await store.get("session", f"c{line.split()[1]}") is not None
    await store.aclose()
