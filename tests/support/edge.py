"""What tests of the edge share: a policy over the embedded provider, and eyes on what goes out and what is logged."""

from __future__ import annotations

import json
from typing import Any

import httpx
from tests.support.canaries import PROMPT, PROVIDER_KEY
from tests.support.written import WRITTEN

from policyroute_asgi.embedded import EmbeddedProvider
from policyroute_asgi.transport import provider_transport

SECRET = PROVIDER_KEY

POLICY = """
version: 1
providers:
  demo: {dialect: openai_chat, base_url: "embedded:", region: eu, api_key: {env: POLICYROUTE_TEST_KEY}}
targets:
  ok: {provider: demo, model: ok}
  throttle: {provider: demo, model: throttle-7s}
  "500": {provider: demo, model: "500"}
  auth: {provider: demo, model: auth}
  not-found: {provider: demo, model: not-found}
  garbage: {provider: demo, model: garbage}
  empty: {provider: demo, model: empty}
  cut: {provider: demo, model: cut}
  no-finish: {provider: demo, model: no-finish}
  stall: {provider: demo, model: stall}
rules:
  - id: swap
    when: request.model == "swap"
    route: [throttle, ok]
  - id: nobody
    when: request.model == "nobody"
    require: target.region == "mars"
    route: [ok]
  - id: forbidden
    when: request.model == "forbidden"
    deny: {status: 403, code: forbidden_model, message: Not for you}
  - id: house-header
    when: request.model == "ok"
    response_headers: {set: {x-house: {cel: client.tenant}}, remove: [x-request-id]}
default:
  route: [requested]
  fallback: {retries: 0, swap_delay: 0ms}
"""

JSON = [("content-type", "application/json")]


class Counting(httpx.AsyncBaseTransport):
    """The embedded provider, and how often it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._inner = provider_transport(apps={"embedded": EmbeddedProvider()})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Log:
    """A sink for JSON lines."""

    def __init__(self) -> None:
        self.text = b""

    def __call__(self, lines: bytes) -> None:
        WRITTEN.add("lines of requests", lines)
        self.text += lines

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def chat(model: str, text: str = PROMPT, **fields: Any) -> bytes:
    """The body of a chat request."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()
