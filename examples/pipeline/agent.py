"""Three agents in a row, whose models are chosen by policy: one plans, one executes the plan, one validates that.

    python -m examples.pipeline.agent "Lay out a learning path through our tutorials."

Each answers in JSON by a schema of its own, and the next one goes on from that. They know no provider and no fallback;
they say what they are doing, in headers, and `policies/` does the rest. Their OpenAI SDK reaches the router in this
process, without a socket, and the provider is the one beside this file, whose first model is always busy. To use a
gateway instead, give the SDK its `base_url` and leave `http_client` out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from policyroute_asgi import Router
from policyroute_asgi.transport import provider_transport

from .provider import Provider, Trouble

POLICIES = Path(__file__).parent / "policies"
GOAL = "Lay out a learning path through our tutorials."
MOST = 4096
"""Tokens of an answer."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    label: str
    system: str
    asked: str
    schema: dict[str, Any]

    def fits(self, text: str) -> bool:
        """Whether this is an answer that the next step can go on from."""
        try:
            checker: Any = Draft202012Validator(self.schema)
            return bool(checker.is_valid(json.loads(text)))
        except ValueError:
            return False


def _schema(**own: Any) -> dict[str, Any]:
    properties = {
        "result": {"type": "string", "minLength": 1},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        **own,
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
STEPS = (
    Step(
        "planner",
        "1/3 Plan",
        "You are a planner. Break the goal down into a plan that can be executed.",
        "Plan this: {goal}",
        _schema(plan=_TEXTS),
    ),
    Step(
        "executor",
        "2/3 Execute",
        "You are an executor. Carry out the plan, and give what comes of each part of it.",
        "Execute the plan.",
        _schema(outputs=_TEXTS),
    ),
    Step(
        "validator",
        "3/3 Validate",
        "You are a validator. Say whether what was carried out is complete and right.",
        "Validate what was carried out.",
        _schema(passed={"type": "boolean"}),
    ),
)


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was answered. `target` is who answered, where that is known."""

    step: Step
    target: str
    text: str


@dataclass
class Pipeline:
    """One task. `done` are the steps that it has come through."""

    llm: AsyncOpenAI
    task: str = field(default_factory=lambda: uuid.uuid4().hex)
    done: list[Done] = field(default_factory=list[Done])

    async def run(self, goal: str) -> None:
        """Raises the SDK's APIError where a step gets no answer."""
        said: list[ChatCompletionMessageParam] = []
        for step in STEPS:
            said.append({"role": "user", "content": step.asked.format(goal=goal)})
            self.done.append(await self._ask(step, said))
            said.append({"role": "assistant", "content": self.done[-1].text})

    async def _ask(self, step: Step, said: list[ChatCompletionMessageParam]) -> Done:
        raw = await self.llm.chat.completions.with_raw_response.create(
            model="model_a",
            messages=[{"role": "system", "content": step.system}, *said],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": step.name, "strict": True, "schema": step.schema},
            },
            max_tokens=MOST,
            extra_headers={
                "X-Conversation-ID": f"pipeline-{self.task}",
                "X-Task-ID": self.task,
                "X-Task-Step": step.label,
                "X-Router-Profile": "AGENT",
            },
        )
        target = raw.headers.get("x-policyroute-target", "")
        return Done(step, target, raw.parse().choices[0].message.content or "")


async def main(goal: str) -> None:
    provider = Provider({"model_a": Trouble(429)})
    facts: dict[str, Any] = {"id": "pipeline", "tenant": "example"}
    async with (
        Router(POLICIES, transport=provider_transport(apps={"embedded": provider})) as router,
        router.httpx2_client(client=facts) as http,
        AsyncOpenAI(base_url="http://router/v1", api_key="unused", http_client=http, max_retries=0) as llm,
    ):
        pipeline = Pipeline(llm)
        await pipeline.run(goal)
    for done in pipeline.done:
        print(f"{done.step.name:<10} {done.target:<8} {done.text}")  # noqa: T201 - a script's output


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or GOAL))
