"""Planner, executor, validator: each step feeds the next one its JSON, and says which step it is.

    python examples/pipeline/steps.py

The pipeline knows no provider and no fallback. Here its calls go through a router in this process to `models.Models`,
whose best tier is busy from the start.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

POLICIES = Path(__file__).parent / "policies"
sys.path.append(str(Path(__file__).parents[1]))

STEPS = ("planner", "executor", "validator")
OWN = {"planner": "plan", "executor": "output", "validator": "verdict"}
"""What each step's answer has beside `result` and `confidence`."""
MAX_TOKENS = 8192
"""What the pipeline was written for: the largest answer of the best tier."""

Payload = dict[str, Any]
Ask = Callable[[Payload, Mapping[str, str]], Awaitable[str | None]]
"""Sends a request with these headers. The text of the answer; None where there is none."""


def schema(step: str) -> dict[str, Any]:
    own = OWN[step]
    return {
        "type": "object",
        "properties": {"result": {"type": "string"}, "confidence": {"type": "number"}, own: {"type": "string"}},
        "required": ["result", "confidence", own],
        "additionalProperties": False,
    }


async def run(ask: Ask, task: str) -> list[str | None]:
    """The answer of each step that was reached: the pipeline ends where there is none."""
    system = {"role": "system", "content": "You are one step of a pipeline. Answer as the schema says."}
    messages: list[dict[str, str]] = [{"role": "user", "content": f"Task {task}: make a report of the quarter."}]
    answers: list[str | None] = []
    for number, step in enumerate(STEPS, 1):
        wanted = {"name": step, "strict": True, "schema": schema(step)}
        payload: Payload = {
            "model": "model_a",
            "messages": [system, *messages],
            "max_tokens": MAX_TOKENS,
            "response_format": {"type": "json_schema", "json_schema": wanted},
        }
        headers = {
            "X-Router-Profile": "AGENT",
            "X-Conversation-ID": f"pipeline-{task}",
            "X-Task-ID": task,
            "X-Task-Step": f"{number}/{len(STEPS)} {step}",
        }
        answer = await ask(payload, headers)
        answers.append(answer)
        if answer is None:
            return answers
        messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": "Go on with the next step."}]
    return answers


async def post(client: httpx.AsyncClient, payload: Payload, headers: Mapping[str, str]) -> str | None:
    answered = await client.post("/v1/chat/completions", json=payload, headers=dict(headers))
    if answered.status_code != 200:
        return None
    text: str = answered.json()["choices"][0]["message"]["content"]
    return text


async def main() -> None:
    from pipeline.models import Models  # noqa: PLC0415 - found beside this file, whatever it is run as
    from policyroute_asgi import Router  # noqa: PLC0415

    models = Models(busy_from=1)
    facts = {"id": "pipeline", "tenant": "example"}
    async with (
        Router(POLICIES, transport=httpx.ASGITransport(models), log=None) as router,
        router.http_client(client=facts, base_url="http://router") as client,
    ):
        answers = await run(lambda payload, headers: post(client, payload, headers), "q3")
    for step, answer in zip(STEPS, answers, strict=False):
        print(f"{step:<10} {json.loads(answer or '{}')}")  # noqa: T201 - a script's output
    print("asked:", ", ".join(f"{call.model} {call.status}" for call in models.calls))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
