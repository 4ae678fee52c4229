"""A provider that costs little itself: one fixed JSON answer, or 53 stream events in a burst or paced at 2 ms.

Run as `python -m scripts.benchmarks.upstream PORT`. Model `throttled` answers 429, `slow` a stream that stays open.
"""

from __future__ import annotations

import asyncio
import sys

import orjson
import uvicorn

from scripts.benchmarks.asgi import Receive, Scope, Send, read_body

EVENTS = 53
_WORDS = "the quick brown fox jumps over the lazy dog and keeps going until the answer is long enough ".split()


def _answer(model: str) -> bytes:
    text = " ".join(_WORDS * 8)
    message = {"role": "assistant", "content": text}
    return orjson.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 900, "completion_tokens": 150, "total_tokens": 1050},
        }
    )


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


ANSWER = _answer("bench")
STREAM = (
    _event({"role": "assistant", "content": ""}),
    *(_event({"content": _WORDS[n % len(_WORDS)] + " "}) for n in range(EVENTS - 3)),
    _event({}, "stop"),
    b"data: [DONE]\n\n",
)
_JSON = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
_SSE = [(b"content-type", b"text/event-stream; charset=utf-8")]
_PAUSES = {b'"user":"paced"': 0.002, b'"user":"long"': 0.4, b'"user":"open"': 600.0}
"""Between two events of a stream, seconds."""
_THROTTLED = b'{"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}'


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    body = await read_body(receive)
    if b'"model":"throttled"' in body:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_THROTTLED)).encode())]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": _THROTTLED})
    elif b'"stream":true' not in body:
        await send({"type": "http.response.start", "status": 200, "headers": _JSON})
        await send({"type": "http.response.body", "body": ANSWER})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": _SSE})
        await _stream(send, next((pause for mark, pause in _PAUSES.items() if mark in body), 0.0))


async def _stream(send: Send, pause: float) -> None:
    for number, event in enumerate(STREAM):
        if pause and number > 1:
            await asyncio.sleep(pause)
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
