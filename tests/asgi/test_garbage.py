"""What a request was made of goes with it. What is left to the garbage collector makes it look through all that is open
in a busy gateway, for tenths of a second, in which nobody is served."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from tests.support.asgi import serving
from tests.support.edge import Log, chat
from tests.support.providers import END, LAST, ROLE, STREAM, Asked, Script, answer, error, http, part, provider, text
from tests.support.wire import Wire

from policyroute_asgi import gateway

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers:
  one: {{dialect: openai_chat, base_url: "{one}", insecure: true}}
  two: {{dialect: openai_chat, base_url: "{two}", insecure: true}}
targets: {{first: {{provider: one, model: m}}, second: {{provider: two, model: m}}}}
rules:
  - {{id: quick, rank: latency}}
  - {{id: warm, when: request.model == "warm", route: [second]}}
default:
  route: [first, second]
  fallback: {{mid_stream: continue, retries: 0, swap_delay: 0ms}}
  hold: {{tools: true}}
  limits: {{ttft: 300ms, idle: 300ms}}
"""
BEGUN = STREAM + part(ROLE + text("Hello there, "))


async def whole(asked: Asked) -> bool:
    if json.loads(asked.body).get("stream"):
        await asked.say(BEGUN + part(text("General.") + LAST) + END)
    else:
        await asked.say(http("200 OK", answer()))
    return True


async def goes_on(asked: Asked) -> bool:
    await asked.say(STREAM + part(ROLE + text("General.") + LAST) + END)
    return True


async def cuts(asked: Asked) -> bool:
    await asked.say(BEGUN)
    return False


async def cuts_late(asked: Asked) -> bool:
    """Once the client's connection is watched."""
    await asked.say(BEGUN)
    while not any(task.get_name() == "policyroute-client" for task in asyncio.all_tasks()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return False


async def resets(asked: Asked) -> bool:
    await asked.say(BEGUN)
    asked.reset()
    return False


async def stalls(asked: Asked) -> bool:
    await asked.say(BEGUN)
    await asked.left()
    return False


async def is_silent(asked: Asked) -> bool:
    await asked.left()
    return False


async def throttles(asked: Asked) -> bool:
    await asked.say(http("429 Too Many Requests", error("slow down", "rate_limit_exceeded")))
    return True


@contextmanager
def garbage() -> Generator[Counter[str]]:
    """Of the classes of this project, how many objects only the collector could take away."""
    found = Counter[str]()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.disable()
    try:
        yield found
        gc.collect()
        found.update(name for name in map(_name, gc.garbage) if name.startswith("policyroute"))
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()


def _name(found: object) -> str:
    return f"{type(found).__module__}.{type(found).__qualname__}"


STREAMED = (whole, cuts, cuts_late, resets, stalls, is_silent, throttles)
AT_ONCE = (whole, cuts, resets, throttles)


@pytest.mark.parametrize(("stream", "first"), [*product([True], STREAMED), *product([False], AT_ONCE)])
async def test_nothing_is_left_to_the_garbage_collector(tmp_path: Path, stream: bool, first: Script) -> None:
    second = goes_on if stream and first not in {is_silent, throttles} else whole
    async with provider(first) as one, provider(second) as two:
        (tmp_path / "policy.yaml").write_text(POLICY.format(one=one.base_url, two=two.base_url))
        async with serving(gateway(tmp_path, log=Log())) as url:
            port = int(url.rpartition(":")[2])
            await _asked(port, stream, "warm")  # what is made once is made
            with garbage() as found:
                await _asked(port, stream)
    assert not found


async def _asked(port: int, stream: bool, model: str = "auto") -> None:
    wire = await Wire.open(port)
    wire.send(_request(stream, model))
    told = await wire.answer()
    assert told.status == 200
    assert b"General." in told.body if stream else b"Hello" in told.body
    await wire.aclose()


async def test_nor_is_anything_of_a_client_that_hung_up(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def waits(asked: Asked) -> bool:
        await asked.say(BEGUN)
        await asked.left()
        gone.set()
        return False

    async with provider(waits) as one:
        (tmp_path / "policy.yaml").write_text(POLICY.format(one=one.base_url, two=one.base_url))
        async with serving(gateway(tmp_path, log=Log())) as url:
            port = int(url.rpartition(":")[2])
            with garbage() as found:
                wire = await Wire.open(port)
                wire.send(_request(True))
                await wire.some()
                await wire.aclose()
                await asyncio.wait_for(gone.wait(), 15)
    assert not found


def _request(stream: bool, model: str = "auto") -> bytes:
    body = chat(model, stream=stream)
    lines = [f"content-length: {len(body)}", "host: 127.0.0.1", "content-type: application/json", "", ""]
    return "\r\n".join(["POST /v1/chat/completions HTTP/1.1", *lines]).encode() + body
