"""A conversation that several providers get of, each what it may know, and what comes back of it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.support.echoing import Echoes

from policyroute_asgi import ANONYMOUS, Router

POLICY = """
version: 1
providers:
  home: {dialect: openai_chat, base_url: "http://home/v1", insecure: true, clearance: confidential}
  away: {dialect: openai_chat, base_url: "http://away/v1", insecure: true}
  far: {dialect: anthropic, base_url: "http://far/v1", insecure: true, clearance: confidential}
targets:
  one: {provider: home, model: m}
  two: {provider: away, model: m}
  three: {provider: far, model: m}
rules:
  - id: labels
    scrub: {use: default, confession: CONFESSION}
  - id: pii
    redact: {detect: [pii, secrets], where: 'target.provider != "home"', restore: true}
default: {route: [one, two, three], fallback: {retries: 0, swap_delay: 0ms, mid_stream: continue}}
"""
SECRET = "The codename of the launch is Tangerine Heron and the budget is forty thousand euros."
SYSTEM = f"You write letters. <confidential>{SECRET}</confidential> <required>Always answer in French.</required>"
ASKED = "Write to zoe.quill@mail.example about card 4111 1111 1111 1111."


@asynccontextmanager
async def routed(
    folder: Path, echoes: Echoes, policy: str = POLICY, confession: str = "log", **options: Any
) -> AsyncGenerator[httpx.AsyncClient]:
    (folder / "policy.yaml").write_text(policy.replace("CONFESSION", confession))
    async with (
        Router(folder, transport=echoes, **options) as router,
        router.http_client(client=ANONYMOUS, base_url="http://gateway") as client,
    ):
        yield client


def chat(*asked: str, system: str = SYSTEM, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user" if at % 2 == 0 else "assistant", "content": text} for at, text in enumerate(asked)]
    return {"model": "x", "messages": [{"role": "system", "content": system}, *turns], **more}


async def answered(client: httpx.AsyncClient, body: dict[str, Any], conversation: str = "") -> str:
    """The text of the answer, which is an answer."""
    headers = {"x-conversation-id": conversation} if conversation else {}
    answer = await client.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    if not body.get("stream"):
        return str(answer.json()["choices"][0]["message"]["content"])
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert answer.text.rstrip().endswith("data: [DONE]"), answer.text[-200:]
    return "".join(each["choices"][0]["delta"].get("content") or "" for each in events if each["choices"])
