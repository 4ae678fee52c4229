"""A provider of three tiers, in OpenAI's chat dialect, that reads what it is sent as its tiers would.

| model | window, longest answer | role for the system | `response_format` | |
|---|---|---|---|---|
| model_a | 8192, 4096 | yes | any | was there when the work began |
| model_b | 4096, 1024 | yes | `json_object` | takes up work of others |
| model_c | 2048, 512 | none | none | takes up work of others |

Nothing that is sent is refused, for servers that refuse are the lesser evil; what a tier does not take it trips over:

- A payload that assumes too much (a system or developer turn where there is no such role, a `response_format` that the
  tier does not know, `max_tokens` over its longest answer, a prompt that with it is over its window) is answered by
  model_b without a confidence, by model_c in prose.
- So is one that shows no JSON Schema, neither in the `response_format` nor in a turn that the tier takes.
- Who takes up work of others does the first step of it, unless a turn that the tier takes says `Step: 2/3`.

Every answer says which step it is of. Answers are the same for the same payload; there are no streams.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

RESTS = 30
"""Seconds that a busy model asks to be left alone: longer than any pipeline takes."""

_TOLD = re.compile(r"^Step: (\d)/3", re.MULTILINE)
_SYSTEM = ("system", "developer")
_OWN: tuple[dict[str, Any], ...] = (
    {"plan": ["find the tutorials", "put them in order"]},
    {"outputs": ["five tutorials", "from the first to the last"]},
    {"passed": True},
)


@dataclass(frozen=True, slots=True)
class Tier:
    window: int
    longest: int
    formats: tuple[str, ...]
    confidence: float
    system: bool = True
    takes_over: bool = True


TIERS = {
    "model_a": Tier(8192, 4096, ("json_schema", "json_object"), 0.94, takes_over=False),
    "model_b": Tier(4096, 1024, ("json_object",), 0.87),
    "model_c": Tier(2048, 512, (), 0.71, system=False),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A model answers with this status, from its so-manieth call on."""

    status: int
    from_call: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    """`text` is what the model said, empty where it was an error; `sent` the payload."""

    model: str
    text: str
    sent: Mapping[str, Any] = field(repr=False)


class Provider:
    """An ASGI app. `calls` are those that it has had, in order."""

    def __init__(self, troubles: Mapping[str, Trouble] | None = None) -> None:
        self.calls: list[Call] = []
        self._troubles = dict(troubles or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = orjson.loads(await Request(scope, receive).body())
        await self._answered(body)(scope, receive, send)

    def _answered(self, body: dict[str, Any]) -> JSONResponse:
        model = str(body["model"])
        tier = TIERS.get(model)
        if tier is None:
            return _error(404, f"There is no model {model}.", "model_not_found")
        before = sum(call.model == model for call in self.calls)
        trouble = self._troubles.get(model)
        if trouble is not None and before + 1 >= trouble.from_call:
            self.calls.append(Call(model, "", body))
            busy = trouble.status == 429
            return _error(trouble.status, "Come back later.", "rate_limit_exceeded" if busy else "unavailable")
        text = answer(tier, body)
        self.calls.append(Call(model, text, body))
        usage = {"prompt_tokens": _tokens(body), "completion_tokens": len(text) // 4}
        return JSONResponse(
            {
                "id": f"chatcmpl-{len(self.calls)}",
                "object": "chat.completion",
                "created": 0,
                "model": model,
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
                ],
                "usage": {**usage, "total_tokens": sum(usage.values())},
            }
        )


def answer(tier: Tier, body: Mapping[str, Any]) -> str:
    """What a model of this tier says to this payload."""
    turns = body["messages"]
    read = "\n".join(_text(turn) for turn in turns if tier.system or turn["role"] not in _SYSTEM)
    step = _step(tier, turns, read)
    wanted = body.get("response_format", {"type": "text"})["type"]
    told = wanted == "json_schema" or '"required":' in read
    return said(tier, step, fits=told and not assumed(tier, body))


def said(tier: Tier, step: int, *, fits: bool) -> str:
    result = f"Step {step} of 3 is done."
    if not (fits or tier.formats):
        return f"{result} See above."
    fields = {"confidence": tier.confidence, **_OWN[step - 1]} if fits else {"confidence": None}
    return orjson.dumps({"result": result, **fields}).decode()


def assumed(tier: Tier, body: Mapping[str, Any]) -> list[str]:
    """What the payload takes for granted that this tier has not, by field."""
    wanted = body.get("response_format", {"type": "text"})["type"]
    longest = int(body.get("max_tokens", tier.longest))
    found = {
        "messages.system": not tier.system and any(turn["role"] in _SYSTEM for turn in body["messages"]),
        "response_format": wanted not in ("text", *tier.formats),
        "max_tokens": longest > tier.longest,
        "messages": _tokens(body) + longest > tier.window,
    }
    return [name for name, wrong in found.items() if wrong]


def _step(tier: Tier, turns: list[dict[str, Any]], read: str) -> int:
    if not tier.takes_over:
        return 1 + len([turn for turn in turns if turn["role"] == "assistant"])
    told = _TOLD.search(read)
    return int(told[1]) if told is not None else 1


def _text(turn: Mapping[str, Any]) -> str:
    said = turn["content"]
    return said if isinstance(said, str) else "\n".join(part["text"] for part in said)


def _tokens(body: Mapping[str, Any]) -> int:
    turns: list[Mapping[str, Any]] = body["messages"]
    return sum(len(_text(turn)) for turn in turns) // 4


def _error(status: int, message: str, code: str) -> JSONResponse:
    wait = {"retry-after": str(RESTS)} if status == 429 else {}
    return JSONResponse({"error": {"message": message, "type": code, "code": code}}, status, wait)
