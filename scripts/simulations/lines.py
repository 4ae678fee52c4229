"""Connections to a gateway with several workers, as many to each.

Rule of this module: whose a connection is, the kernel decides, and it favours some; a load balancer does not, so those
that are too many of one worker are closed and opened again.
"""

from __future__ import annotations

import asyncio
from typing import Final

from scripts.benchmarks import processes

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_TRIES: Final = 200
_BATCH: Final = 8
_ACCEPTED: Final = 0.01
"""Seconds until a connection has surely found its worker."""


async def evenly(port: int, pids: list[int], count: int) -> list[Line]:
    """At least `count` of them, as many at each of the workers. Raises TimeoutError where one gets too few."""
    each = -(-count // len(pids))
    found: dict[int, list[Line]] = {pid: [] for pid in pids}
    for _ in range(_TRIES):
        missing = sum(each - len(lines) for lines in found.values())
        if not missing:
            return [line for lines in found.values() for line in lines]
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(min(missing, _BATCH))]
        await asyncio.sleep(_ACCEPTED)
        clients = {client: pid for pid in pids for client in processes.clients_of(pid, port)}
        for line in opened:
            lines = found.get(clients.get(line[1].get_extra_info("sockname")[1], 0))
            if lines is not None and len(lines) < each:
                lines.append(line)
            else:
                line[1].close()
    raise TimeoutError("one of the workers takes too few connections")
