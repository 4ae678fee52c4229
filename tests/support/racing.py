"""Processes that pin the same conversations at once: `racing.py FOLDER URL PROCESSES COUNT`.

An empty URL is the file in the folder. Each writes a line for each pin that it is told of, as that is acknowledged: its
own number, the conversation's, and the pin's target.
"""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

from policyroute.sessions import Settings, Turn, read, rewritten
from policyroute_asgi.state.address import address
from policyroute_asgi.state.opening import opened
from policyroute_asgi.state.redis import RedisStore
from policyroute_asgi.state.sqlite import SqliteStore

_SETTINGS = Settings(pin=True)
_AT_ONCE = 100


async def _race(folder: str, url: str, racer: int, count: int) -> None:
    store = opened(Path(folder), address(f"{url}?socket_timeout=10&socket_connect_timeout=10") if url else None)
    assert isinstance(store, RedisStore if url else SqliteStore)  # imported before there are many processes
    ahead = asyncio.Semaphore(_AT_ONCE)
    change = partial(rewritten, Turn(1.0, "AGENT", _SETTINGS, served=(f"t{racer}", "p")))

    async def pin(number: int) -> None:
        async with ahead:
            session = read(await store.update("session", f"c{number}", change, 600))
        assert session is not None
        assert session.pin is not None
        os.write(1, f"{racer} {number} {session.pin.target}\n".encode())

    for begin in range(0, count, 10 * _AT_ONCE):
        await asyncio.gather(*(pin(number) for number in range(begin, min(count, begin + 10 * _AT_ONCE))))
    assert not store.degraded
    await store.aclose()


def main() -> int:
    folder, url, processes, count = sys.argv[1:]
    racer = 0
    while racer < int(processes) - 1 and os.fork() == 0:  # one more each time
        racer += 1
    asyncio.run(_race(folder, url, racer, int(count)))
    if racer < int(processes) - 1:
        return os.waitstatus_to_exitcode(os.wait()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
