"""The yardstick: the least an ASGI proxy on aiohttp can do.

Run as `python -m scripts.benchmarks.bare_proxy PORT UPSTREAM_PORT`."""

from __future__ import annotations

import sys

import aiohttp
import uvicorn

from scripts.benchmarks.asgi import Receive, Scope, Send, read_body

_state: dict[str, aiohttp.ClientSession] = {}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    body = await read_body(receive)
    session = _state.get("session")
    if session is None:
        connector = aiohttp.TCPConnector(limit=0)
        session = _state["session"] = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )
    url = f"http://127.0.0.1:{sys.argv[2]}{scope['path']}"
    async with session.post(url, data=body, headers={"content-type": "application/json"}) as answer:
        kept = (b"content-type", b"content-length")
        headers = [(name, value) for name, value in answer.raw_headers if name.lower() in kept]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        async for chunk in answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
