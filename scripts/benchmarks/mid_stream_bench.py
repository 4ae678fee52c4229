"""A thousand streams at once, a third of which break off at random: all are to be complete, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from policyroute.failures import Failure
from policyroute.health.cooldowns import Cooldowns
from policyroute.health.places import Place
from policyroute_asgi import Router
from scripts.benchmarks.report import Figure

STREAMS = 1000
_WORDS = [f"word{number} " for number in range(60)]
_POLICY = """
version: 1
providers:
  one: {dialect: openai_chat, base_url: "http://one/v1", insecure: true}
  two: {dialect: openai_chat, base_url: "http://two/v1", insecure: true}
targets: {first: {provider: one, model: m}, second: {provider: two, model: m}}
default: {route: [first, second], fallback: {mid_stream: continue, retries: 0, swap_delay: 0ms}, hold: {tools: true}}
"""


class _Stream(httpx.AsyncByteStream):
    """Words with a pause between, as a model says them; `cut` is after which it breaks off."""

    def __init__(self, words: list[str], cut: int | None) -> None:
        self._words = words
        self._cut = cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number, word in enumerate(self._words):
            if number == self._cut:
                raise httpx.ReadError("cut")
            await asyncio.sleep(0.02)
            delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            yield b"data: " + json.dumps({"id": "c", "model": "m", "choices": [delta]}).encode() + b"\n\n"
        ended: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield b"data: " + json.dumps({"id": "c", "model": "m", "choices": [ended]}).encode() + b"\n\ndata: [DONE]\n\n"


class _Provider(httpx.AsyncBaseTransport):
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.cuts = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        messages = json.loads(await request.aread())["messages"]
        begun = messages[-2]["content"] if len(messages) > 1 else ""
        words = _WORDS[begun.count(" ") :]
        cut = self._dice.randrange(len(words)) if request.url.host == "one" and self._dice.random() < 1 / 3 else None
        self.cuts += cut is not None
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=_Stream(words, cut))


class _Never(Cooldowns):
    """Whoever broke off is asked again at once: else hardly anybody would be cut."""

    def failed(self, place: Place, failure: Failure, now: float, *, reached: bool = True) -> float:
        return 0.0


async def _asked(client: httpx.AsyncClient) -> bool:
    """Whether the answer came whole."""
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Say words."}]}
    said = line = ""
    async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                said += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    return said == "".join(_WORDS) and line == ""


@contextmanager
def _watched(worst: list[float]) -> Generator[None]:
    """Notes the longest that anything kept the loop, those that play clients and providers among it."""
    usual: Any = getattr(asyncio.Handle, "_run")  # noqa: B009 - there is no public place for this

    def timed(handle: asyncio.Handle) -> None:
        before = time.perf_counter()
        usual(handle)
        worst[0] = max(worst[0], time.perf_counter() - before)

    setattr(asyncio.Handle, "_run", timed)  # noqa: B010
    try:
        yield
    finally:
        setattr(asyncio.Handle, "_run", usual)  # noqa: B010


def _resident() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


async def _run() -> list[Figure]:
    folder = Path(tempfile.mkdtemp())
    (folder / "policy.yaml").write_text(_POLICY)
    provider, worst = _Provider(random.Random(5)), [0.0]
    async with (
        Router(folder, transport=provider, log=None) as router,
        router.http_client(client={"id": "bench", "tenant": "bench"}, base_url="http://router") as client,
    ):
        router.services.telemetry.resting.table = _Never()
        await asyncio.gather(*(_asked(client) for _ in range(STREAMS)))
        before, cuts = _resident(), provider.cuts
        with _watched(worst):
            whole = sum(await asyncio.gather(*(_asked(client) for _ in range(STREAMS))))
        after = _resident()
    detail = f"{provider.cuts - cuts} of {STREAMS} broke off"
    return [
        Figure("streams that did not come whole", STREAMS - whole, "", 0, detail),
        Figure("memory after, beyond before", after - before, "MiB", 5.0, f"{before:.0f} MiB before"),
        Figure("the longest that the event loop was kept", worst[0] * 1000, "ms", 50.0, "by one callback"),
    ]


def run() -> list[Figure]:
    return asyncio.run(_run())
