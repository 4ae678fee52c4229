"""The gateway, served as `policyroute serve` does, with a probe that measures how long its event loop was ever away.

`/stall` tells, in ms, and begins anew.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from pathlib import Path

import uvicorn

from policyroute_asgi import gateway
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.cli.process import COLLECT, event_loop
from policyroute_asgi.preparation import Preparation
from scripts.benchmarks.asgi import Receive, Scope, Send, send_page

_PERIOD = 0.001
_worst = [0.0]


async def _probe() -> None:
    while True:
        due = time.perf_counter() + _PERIOD
        await asyncio.sleep(_PERIOD)
        _worst[0] = max(_worst[0], time.perf_counter() - due)


async def _serve(port: int, folder: str) -> None:
    holder = PolicyHolder(Preparation(Path(folder), freeze=True))
    await holder.start()
    inner = gateway(holder)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/stall":
            body = f"{_worst[0] * 1000:.2f}".encode()
            _worst[0] = 0.0
            await send_page(send, body)
            return
        await inner(scope, receive, send)

    probing = asyncio.create_task(_probe())
    await uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False)).serve()
    probing.cancel()
    await holder.aclose()


def main() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    gc.set_threshold(*COLLECT)
    with event_loop() as runner:
        runner.run(_serve(int(sys.argv[1]), sys.argv[2]))


if __name__ == "__main__":
    main()
