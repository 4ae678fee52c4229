"""A provider whose streams break off: `python -m scripts.benchmarks.breaking PORT CROWD`.

At `/one` a third breaks off at a random place, at `/two` none. Nobody at `/one` is told anything before a crowd of them
is there, so that none has learnt from another's end when it is asked. `/cuts` tells how many broke off.
"""

from __future__ import annotations

import asyncio
import random
import sys

import orjson
import uvicorn

from scripts.benchmarks.asgi import Receive, Scope, Send, read_body, send_page

WORDS = [f"word{number} " for number in range(60)]
_PAUSE = 0.25
"""Seconds between two words, more or less."""
_STAGGER = 3.0
"""Seconds in which a crowd begins to be answered."""
_SSE = [(b"content-type", b"text/event-stream")]
_dice = random.Random(5)


class _Cut(Exception):
    """Ends the connection in the middle of an answer."""


class _Crowd:
    """Lets those who came go on together, so many at a time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._here = 0
        self._all = asyncio.Event()

    async def join(self) -> None:
        self._here += 1
        here = self._all
        if self._here == self._size:
            self._here, self._all = 0, asyncio.Event()
            here.set()
        await here.wait()


class _Provider:
    def __init__(self, crowd: int) -> None:
        self._crowd = _Crowd(crowd)
        self._cuts = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/cuts":
            await send_page(send, str(self._cuts).encode())
            return
        words = _left(orjson.loads(await read_body(receive))["messages"])
        cut = None
        if scope["path"].startswith("/one/"):
            await self._crowd.join()
            await asyncio.sleep(_STAGGER * _dice.random())
            cut = _dice.randrange(len(words)) if _dice.random() < 1 / 3 else None
            self._cuts += cut is not None
        await send({"type": "http.response.start", "status": 200, "headers": _SSE})
        for number, word in enumerate(words):
            if number == cut:
                raise _Cut
            await asyncio.sleep(_PAUSE * _dice.uniform(0.5, 1.5))
            await send({"type": "http.response.body", "body": _event({"content": word}), "more_body": True})
        await send({"type": "http.response.body", "body": _event({}, "stop") + b"data: [DONE]\n\n"})


def _left(messages: list[dict[str, str]]) -> list[str]:
    """What is still to be said after an answer that was begun."""
    begun = next((message["content"] for message in messages if message["role"] == "assistant"), "")
    return WORDS[begun.count(" ") :]


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({"id": "c", "created": 1, "model": "m", "choices": [choice]}) + b"\n\n"


if __name__ == "__main__":
    provider = _Provider(int(sys.argv[2]))
    uvicorn.run(provider, port=int(sys.argv[1]), log_level="critical", access_log=False, lifespan="off")
