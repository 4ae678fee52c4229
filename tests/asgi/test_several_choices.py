"""Of several choices each has an end of its own: an answer in which one lacks it is not whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.support.asgi import ask, lifespan
from tests.support.edge import JSON, Log
from tests.support.tellers import Broken

from policyroute_asgi import gateway

pytestmark = pytest.mark.anyio

POLICY = """\
version: 1
providers:
  one: {dialect: openai_chat, base_url: "http://one/v1", insecure: true}
  two: {dialect: openai_chat, base_url: "http://two/v1", insecure: true}
targets:
  first: {provider: one, model: m}
  second: {provider: two, model: m}
default: {route: [first, second], fallback: {mid_stream: MODE, retries: 0, swap_delay: 0ms}}
"""


def chunk(index: int, said: str, finish: str | None = None) -> bytes:
    delta = {"content": said} if said else {}
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    said_so = {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(said_so).encode() + b"\n\n"


BEGUN = [chunk(0, "Nine "), chunk(1, "Ten "), chunk(0, "owls"), chunk(1, "ow"), chunk(0, "", "stop")]


class Said(httpx.AsyncBaseTransport):
    def __init__(self, said: list[bytes]) -> None:
        self._said = said

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def told() -> AsyncIterator[bytes]:
            for each in self._said:
                yield each

        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Broken(told))


@pytest.mark.parametrize("mode", ["continue", "restart", "abort"])
@pytest.mark.parametrize(("rest", "whole"), [([], False), ([chunk(1, "ls")], False), ([chunk(1, "ls", "stop")], True)])
async def test_a_choice_that_lacks_its_end_is_not_given_one(
    tmp_path: Path, mode: str, rest: list[bytes], whole: bool
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY.replace("MODE", mode))
    body = {"model": "auto", "stream": True, "n": 2, "messages": [{"role": "user", "content": "Tell me of owls."}]}
    log = Log()
    app = gateway(tmp_path, transport=Said(BEGUN + rest), log=log)
    async with lifespan(app):
        got = await ask(app, "POST", "/v1/chat/completions", json.dumps(body).encode(), JSON)
    assert (b"[DONE]" in got.body, b'"stream_broken"' in got.body) == (whole, not whole)
    assert log.lines[-1]["outcome"] == ("ok" if whole else "stream_broken")
