"""What labels and redaction cost a whole request, and whether hostile ones keep the event loop from others.

All in one process and without sockets: what is measured is our own work.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from policyroute_asgi import ANONYMOUS, Router
from scripts.benchmarks.report import Figure

_POLICY: Final = """
version: 1
providers:
  home: {dialect: openai_chat, base_url: "http://home/v1", insecure: true, clearance: confidential}
  away: {dialect: openai_chat, base_url: "http://away/v1", insecure: true}
targets:
  one: {provider: home, model: m}
  two: {provider: away, model: m}
rules:
%s
default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}
"""
_LABELS: Final = "  - {id: labels, scrub: {use: default}}"
_PII: Final = "  - {id: pii, redact: {detect: [pii, secrets], restore: true}}"
_ANSWER: Final = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
}
_WORDS: Final = "the letter that was sent to our office in spring has not been answered and nobody knows why".split()
_STALL: Final = 0.05
_DONE: Final = 0.25


class _Provider(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return httpx.Response(200, json=_ANSWER)


@asynccontextmanager
async def _client(*rules: str) -> AsyncGenerator[httpx.AsyncClient]:
    with tempfile.TemporaryDirectory() as folder:
        text = _POLICY % "\n".join(rules) if rules else _POLICY.replace("rules:\n%s\n", "")
        (Path(folder) / "policy.yaml").write_text(text)
        async with (
            Router(folder, transport=_Provider(), log=None) as router,
            router.http_client(client=ANONYMOUS, base_url="http://gateway") as client,
        ):
            yield client


def run(rounds: int) -> list[Figure]:
    return asyncio.run(_all(rounds))


async def _all(rounds: int) -> list[Figure]:
    figures: list[Figure] = []
    prose = _prose(4_000)
    tagged = f"Be kind. <confidential>{_prose(300)}</confidential> <required>Answer in French.</required>"
    plain = await _cost(rounds, [], _body("one", "Be kind.", prose))
    for what, rules, system, budget in (
        ("no labels in the prompt: a rule that scrubs", [_LABELS], "Be kind.", None),
        ("labels in the prompt", [_LABELS], tagged, None),
        ("redaction of all kinds", [_PII], "Be kind.", 460.0),
    ):
        cost = await _cost(rounds, rules, _body("one", system, prose))
        figures.append(Figure(f"4.5 KB request, {what}", cost - plain, "µs on top", budget))
    async with _client(_LABELS, _PII) as client:
        for name, body in _hostile().items():
            took, stall, status = await _watched(client, body)
            figures += [
                Figure(f"{name}: longest stall of the loop", stall * 1000, "ms", _STALL * 1000),
                Figure(f"{name}: until it is done or refused", took * 1000, "ms", _DONE * 1000, f"status {status}"),
            ]
    return figures


async def _cost(rounds: int, rules: list[str], body: bytes) -> float:
    """Microseconds of one request: the best of some batches."""
    async with _client(*rules) as client:
        batches: list[float] = []
        for _ in range(rounds):
            started = time.process_time()
            for _ in range(50):
                answer = await client.post("/v1/chat/completions", content=body, headers=_JSON)
                assert answer.status_code == 200, answer.text
            batches.append((time.process_time() - started) / 50 * 1e6)
    return min(batches)


_JSON: Final = {"content-type": "application/json"}


async def _watched(client: httpx.AsyncClient, body: bytes) -> tuple[float, float, int]:
    """Seconds that it took, the longest stall meanwhile, and the status: medians of three."""
    runs: list[tuple[float, float, int]] = []
    for _ in range(3):
        gc.collect()
        stalls: list[float] = []
        probe = asyncio.create_task(_probe(stalls))
        await asyncio.sleep(0.01)
        started = time.perf_counter()
        answer = await client.post("/v1/chat/completions", content=body, headers=_JSON)
        took = time.perf_counter() - started
        await asyncio.sleep(0.005)
        probe.cancel()
        runs.append((took, max(stalls), answer.status_code))
    return statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs), runs[0][2]


async def _probe(stalls: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        stalls.append(time.perf_counter() - before - 0.001)


def _hostile() -> Mapping[str, bytes]:
    chance = random.Random(7)
    blob = base64.b64encode(chance.randbytes(15_000)).decode()
    megabytes = base64.b64encode(chance.randbytes(3_750_000)).decode()
    hidden = "<\u200bconfidential>secret</conf\u200bidential> <\uff43onfidential>" * 200
    numbers = " ".join(f"{chance.randrange(10**15, 10**16)}" for _ in range(6_000))
    return {
        "40 KB of one letter": _body("two", "Be kind.", "a" * 40_000),
        "20 KB of base64": _body("two", "Be kind.", blob),
        "5 MB of base64": _body("two", "Be kind.", megabytes),
        "5 MB of prose": _body("two", "Be kind.", _prose(5_000_000)),
        "tags in disguise": _body("two", hidden, "Hello."),
        "100 KB of numbers": _body("two", "Be kind.", numbers),
        "a thousand tags": _body("two", "<confidential>a</confidential> b " * 1_000, "Hello."),
        "brackets in brackets": _body("two", "Be kind.", '{"a":' * 20_000 + "1" + "}" * 20_000),
    }


def _body(model: str, system: str, asked: str) -> bytes:
    turns: list[Any] = [{"role": "system", "content": system}, {"role": "user", "content": asked}]
    return json.dumps({"model": model, "messages": turns}).encode()


def _prose(size: int) -> str:
    chance = random.Random(size)
    return " ".join(_some(chance, size))[:size]


def _some(chance: random.Random, size: int) -> Iterator[str]:
    for _ in range(size // 4):
        yield chance.choice(_WORDS)
