"""Several accounts with several models in one process: each answer says which model at which account it is.

Run as `python -m scripts.simulations.upstream PORT`. Accounts are paths (`/ACCOUNT/v1/chat/completions`). What is
posted to `/control`, `{"failing": [MODEL, ...], "pause": SECONDS}`, holds from then on. Small models are quicker.
"""

from __future__ import annotations

import asyncio
import random
import sys
import zlib
from typing import Any, Final

import orjson
import uvicorn

from scripts.benchmarks.asgi import Receive, Scope, Send, read_body, send_page

_WORDS: Final = """amber basin cedar delta ember fjord grove harbor inlet jasper kelp lagoon meadow nectar orchid
prairie quarry river summit thicket upland valley willow yonder zephyr anchor beacon copper dune estuary""".split()

_QUICK: Final = {"medium": 0.4, "small": 0.3, "nano": 0.2}
"""What these think, as a share of what others do."""


def words(number: int, seed: object) -> str:
    """So many, different for each seed: nobody takes them for the same text again."""
    return " ".join(random.Random(str(seed)).choices(_WORDS, k=number))


class Accounts:
    def __init__(self) -> None:
        self._failing: frozenset[str] = frozenset()
        self._pause = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = orjson.loads(await read_body(receive))
        if scope["path"] == "/control":
            self._failing, self._pause = frozenset(body["failing"]), body["pause"]
            await send_page(send, b"so it is")
            return
        model: str = body["model"]
        if self._pause:
            await asyncio.sleep(self._pause * _QUICK.get(model, 1.0))
        if model in self._failing:
            await _json(send, 503, {"error": {"message": "not now", "type": "server_error", "code": "unavailable"}})
            return
        prompt = orjson.dumps(body["messages"])
        account = scope["path"].split("/")[1]
        text = f"served by {model} at {account}: {words(20, zlib.crc32(prompt))}"
        if body.get("stream"):
            await _stream(send, model, text)
        else:
            await _json(send, 200, _answer(model, text, len(prompt) // 4))


def _answer(model: str, text: str, tokens: int) -> dict[str, Any]:
    return {
        "id": "chatcmpl-simulated",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": 25, "total_tokens": tokens + 25},
    }


async def _json(send: Send, status: int, page: dict[str, Any]) -> None:
    content = orjson.dumps(page)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _stream(send: Send, model: str, text: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": part}, None) for part in (text[:60], text[60:])]
    for delta, finish in [*deltas, ({}, "stop")]:
        chunk = {
            "id": "chatcmpl-simulated",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
        await send({"type": "http.response.body", "body": b"data: " + orjson.dumps(chunk) + b"\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


if __name__ == "__main__":
    uvicorn.run(Accounts(), port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
