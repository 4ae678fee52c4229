"""Conversations through a router, over providers that keep what they get."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.support.echoing import Echoes
from tests.support.edge import Log

from policyroute import Client
from policyroute_asgi import ANONYMOUS, Router

POLICY = """
version: 1
providers:
  home: {dialect: openai_chat, base_url: "http://home/v1", insecure: true}
  away: {dialect: openai_chat, base_url: "http://away/v1", insecure: true}
  far: {dialect: anthropic, base_url: "http://far/v1", insecure: true}
targets:
  one: {provider: home, model: m1, quality: 0.9, supports: {images: false}}
  two: {provider: away, model: m2, quality: 0.9}
  three: {provider: far, model: m3, quality: 0.7}
rules:
  - id: elsewhere
    when: request.headers["x-route"] == "elsewhere"
    route: [two, three]
  - id: agents
    when: request.profile == "AGENT"
    session: {pin: true, max_wait: 5s}
default: {route: [one, two, three], fallback: {retries: 1, swap_delay: 0ms}}
"""


class Conversing:
    """A client of the router, and what the log says of each of its requests. `name` is the conversation's."""

    def __init__(self, router: Router, client: httpx.AsyncClient, log: Log) -> None:
        self._router = router
        self._client = client
        self.log = log
        self.answers: list[httpx.Response] = []

    async def ask(
        self, *said: str | dict[str, Any], name: str = "c1", headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """One request; texts are turns of user and assistant, one after the other."""
        answer = await self._client.send(self._request(said, name, headers or {}, more))
        self.answers.append(answer)
        return answer

    async def leave(self, *said: str | dict[str, Any], name: str = "c1") -> None:
        """One request for a stream, of which only the beginning is read."""
        answer = await self._client.send(self._request(said, name, {}, {"stream": True}), stream=True)
        await anext(answer.aiter_bytes())
        await answer.aclose()

    def _request(
        self, said: tuple[str | dict[str, Any], ...], name: str, headers: dict[str, str], more: dict[str, Any]
    ) -> httpx.Request:
        turns = [
            each if isinstance(each, dict) else {"role": "user" if at % 2 == 0 else "assistant", "content": each}
            for at, each in enumerate(said)
        ]
        given = {"x-router-profile": "AGENT", "x-conversation-id": name, **headers}
        return self._client.build_request(
            "POST",
            "/v1/chat/completions",
            json={"model": "auto", "messages": turns, **more},
            headers={key: value for key, value in given.items() if value},
        )

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncGenerator[Conversing]:
        """The same, for somebody of this tenant."""
        facts = Client(id=tenant, tenant=tenant)
        async with self._router.http_client(client=facts, base_url="http://gateway") as client:
            yield Conversing(self._router, client, self.log)

    async def served(self, *said: str | dict[str, Any], **more: Any) -> str:
        """The target that answers one more request."""
        answer = await self.ask(*(said or ("Hello.",)), **more)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-policyroute-target"]

    @property
    def last(self) -> dict[str, Any]:
        """What the log says of the conversation in its last line."""
        found: dict[str, Any] = self.log.lines[-1]["session"]
        return found


@asynccontextmanager
async def conversing(folder: Path, echoes: Echoes, policy: str = POLICY, **options: Any) -> AsyncGenerator[Conversing]:
    _write(folder, policy)
    log = Log()
    async with (
        Router(folder, transport=echoes, log=log, **options) as router,
        router.http_client(client=ANONYMOUS, base_url="http://gateway") as client,
    ):
        yield Conversing(router, client, log)


def _write(folder: Path, policy: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(policy)


def call(number: int, tool: str = "look", **arguments: Any) -> dict[str, Any]:
    """A turn of the assistant's that calls a tool."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
    }


def result(number: int, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": text}


def looping(times: int, *, tool: str = "look", found: str = "no such file") -> list[dict[str, Any]]:
    """A history of an agent that makes the same call again and again."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": "Find the report."}]
    for number in range(times):
        turns += [call(number, tool, path="/tmp/report"), result(number, found)]
    return turns
