"""The gateway with a probe beside it that measures how long its event loop was ever away. `/stall` tells, in ms."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import uvicorn

from policyroute_asgi import gateway
from scripts.benchmarks.asgi import Receive, Scope, Send

_PERIOD = 0.001
_worst = [0.0]


async def _probe() -> None:
    while True:
        due = time.perf_counter() + _PERIOD
        await asyncio.sleep(_PERIOD)
        _worst[0] = max(_worst[0], time.perf_counter() - due)


def main() -> None:
    inner = gateway(sys.argv[2])
    tasks: list[asyncio.Task[None]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/stall":
            body = f"{_worst[0] * 1000:.2f}".encode()
            headers = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        if scope["type"] == "http" and not tasks:
            tasks.append(asyncio.create_task(_probe()))
        await inner(scope, receive, send)

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
