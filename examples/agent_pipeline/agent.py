"""An agent in three steps, whose models are chosen by policy: it plans, looks things up with a tool, and summarises.

    python examples/agent_pipeline/agent.py "How was the quarter?"

The agent knows no model, no provider and no fallback; it says what it is doing, in headers, and `policies/` does the
rest. Its OpenAI SDK reaches the router in this process, without a socket. To use a gateway instead, give the SDK its
`base_url` and leave `http_client` out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.shared_params import ResponseFormatJSONSchema

from policyroute_asgi import Router

POLICIES = Path(__file__).parent / "policies"
NOTES = {
    "revenue": "CONFIDENTIAL: revenue grew by 12 %, mostly in the north.",
    "costs": "Costs fell by 3 %.",
}

_TOPIC = {"type": "string", "enum": list(NOTES)}
PLAN: ResponseFormatJSONSchema = {
    "type": "json_schema",
    "json_schema": {
        "name": "plan",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"topics": {"type": "array", "items": _TOPIC, "minItems": 1}},
            "required": ["topics"],
            "additionalProperties": False,
        },
    },
}
LOOK_UP: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "What our notes say of a topic.",
        "parameters": {"type": "object", "properties": {"topic": _TOPIC}, "required": ["topic"]},
    },
}


def look_up(topic: str) -> str:
    return NOTES.get(topic, "nothing")


@dataclass
class Agent:
    """One task. `served` says which target did which step."""

    llm: AsyncOpenAI
    task: str = field(default_factory=lambda: uuid.uuid4().hex)
    served: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def run(self, question: str) -> str:
        topics = await self.plan(question)
        notes = [await self.work(topic) for topic in topics]
        return await self.summarise(question, notes)

    async def plan(self, question: str) -> list[str]:
        raw = await self.llm.chat.completions.with_raw_response.create(
            model="auto",
            messages=[{"role": "system", "content": "Which topics need looking up?"}, _user(question)],
            response_format=PLAN,
            extra_headers=self.said("1/3 Plan"),
        )
        self.note("plan", raw.headers)
        topics: list[str] = json.loads(raw.parse().choices[0].message.content or "{}")["topics"]
        return topics

    async def work(self, topic: str) -> str:
        raw = await self.llm.chat.completions.with_raw_response.create(
            model="auto",
            messages=[_user(f"Look up {topic}.")],
            tools=[LOOK_UP],
            tool_choice="required",
            extra_headers=self.said("2/3 Work"),
        )
        self.note("work", raw.headers)
        calls = raw.parse().choices[0].message.tool_calls or []
        return "\n".join(look_up(**json.loads(call.function.arguments)) for call in calls if call.type == "function")

    async def summarise(self, question: str, notes: list[str]) -> str:
        raw = await self.llm.chat.completions.with_raw_response.create(
            model="auto",
            messages=[_user(question), _user("Answer from these notes:\n" + "\n".join(notes))],
            stream=True,
            extra_headers=self.said("3/3 Summarise"),
        )
        self.note("summarise", raw.headers)
        return "".join([choice.delta.content or "" async for chunk in raw.parse() for choice in chunk.choices])

    def said(self, step: str) -> dict[str, str]:
        """What the policy may know of this request: what it belongs to, and what it is for."""
        return {
            "X-Conversation-ID": f"agent-{self.task}",
            "X-Task-ID": self.task,
            "X-Task-Step": step,
            "X-Router-Profile": "AGENT",
        }

    def note(self, step: str, headers: Mapping[str, str]) -> None:
        self.served.append((step, headers["x-policyroute-target"]))


def _user(text: str) -> ChatCompletionMessageParam:
    return {"role": "user", "content": text}


async def main(question: str) -> None:
    facts: dict[str, Any] = {"id": "reporter", "tenant": "example", "team": "finance"}
    async with (
        Router(POLICIES) as router,
        router.httpx2_client(client=facts) as http,
        AsyncOpenAI(base_url="http://router/v1", api_key="unused", http_client=http, max_retries=0) as llm,
    ):
        agent = Agent(llm)
        answer = await agent.run(question)
    for step, target in agent.served:
        print(f"{step:<10} {target}")  # noqa: T201 - a script's output
    print(answer)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "How was the quarter?"))
