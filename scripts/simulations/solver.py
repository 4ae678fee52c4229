"""A simulated model that solves a chain of steps with tools, and now and then goes round in circles.

Rule of this module: it knows what it is shown and nothing else. The more often it sees that it did a thing, the more
likely it does it again (models hold on to their own tokens); told so by the gateway, it is more likely to stop. What it
does is drawn from a seed, the agent and the number of the request: the same each time.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from scripts.benchmarks.asgi import Receive, Scope, Send, read_body

STEPS: Final = 12
"""Of each task."""
TOOLS: Final = ("look_up", "change_row", "compare")
QUESTION: Final = "Which account is this for?"
FINISHED: Final = "Finished: all rows are as they should be."
_GATEWAY: Final = "[gateway:"
_ENTERS: Final = 0.06
"""How likely each step is the beginning of a circle."""
_STAYS: Final = (0.8, 0.9, 0.96)
"""How likely it goes on with it after having seen one repetition, two, or more."""
_TOLD: Final = 0.5
"""What that comes to where it is told, as a share."""
_AGENT: Final = re.compile(r"agent (\d+)")


class Action(NamedTuple):
    """A call of a tool for a step, or a question (no tool)."""

    tool: str
    step: int


ASK: Final = Action("", 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """What one request showed the model. `hidden`: how many of its actions it was not shown any more."""

    actions: list[Action]
    told: bool
    hidden: int
    tokens: int


def decided(actions: list[Action], told: bool, chance: random.Random) -> Action | None:
    """What comes next, None where all is done."""
    following, seen = circle(actions)
    if following is not None:
        stays = _STAYS[min(seen, len(_STAYS)) - 1] * (_TOLD if told else 1)
        if chance.random() < stays:
            return following
    elif len(actions) > 1 and chance.random() < _ENTERS:
        return chance.choice([actions[-1], actions[-2], ASK])
    step = 1 + max((action.step for action in actions), default=0)
    return Action(TOOLS[step % len(TOOLS)], step) if step <= STEPS else None


def circle(actions: list[Action]) -> tuple[Action | None, int]:
    """What it would go on with and how many repetitions it sees, where it ends in going round: `AA`, `ABA`, or a
    question."""
    for period in (1, 2):
        seen = 0
        while len(actions) > seen + period and actions[-1 - seen] == actions[-1 - seen - period]:
            seen += 1
        if seen:
            return actions[-period], seen
    return (ASK, 1) if actions[-1:] == [ASK] else (None, 0)


class Solver:
    """Behind `/v1/chat/completions`. `requests` has what was shown, agent by agent."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.requests: dict[int, list[Shown]] = defaultdict(list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        messages: list[dict[str, Any]] = orjson.loads(await read_body(receive))["messages"]
        content = orjson.dumps(self._answer(messages))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        found = _AGENT.search(messages[0]["content"])
        agent = int(found[1]) if found is not None else 0
        so_far = self.requests[agent]
        actions = [action for message in messages if (action := acted(message)) is not None]
        told = any(each["role"] == "system" and str(each["content"]).startswith(_GATEWAY) for each in messages)
        tokens = len(orjson.dumps(messages)) // 4
        chance = random.Random(f"{self._seed} {agent} {len(so_far)}")
        so_far.append(Shown(actions, told, len(so_far) - len(actions), tokens))
        message = said(decided(actions, told, chance), len(so_far))
        return {
            "id": "chatcmpl-simulated",
            "object": "chat.completion",
            "created": 1,
            "model": "solver",
            "choices": [
                {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
            ],
            "usage": {"prompt_tokens": tokens, "completion_tokens": 20, "total_tokens": tokens + 20},
        }


def said(action: Action | None, number: int) -> dict[str, Any]:
    """As a message; `number` makes the call's id."""
    if action is None or action == ASK:
        return {"role": "assistant", "content": FINISHED if action is None else QUESTION}
    function = {"name": action.tool, "arguments": orjson.dumps({"row": action.step}).decode()}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
    }


def acted(message: dict[str, Any]) -> Action | None:
    """What a message of the model's did, None where it is none."""
    if message["role"] != "assistant":
        return None
    for call in message.get("tool_calls") or ():
        function = call["function"]
        return Action(function["name"], orjson.loads(function["arguments"])["row"])
    return ASK if message["content"] == QUESTION else None
