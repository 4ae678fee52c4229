"""Three tiers of models behind one endpoint, which look at what they are sent.

Rule of this module: no tier is kinder than its kind. One that is sent what it does not know does what such models do:
it ignores that, and answers something else than was asked for. One that takes over in the midst of a task and is not
told where it is begins at the beginning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from pipeline.steps import OWN, STEPS

_LIMITS: Final = {"model_a": 8192, "model_b": 4096, "model_c": 2048}
_STEP: Final = re.compile(r"\bStep: ([1-3])/3\b")


@dataclass(frozen=True)
class Call:
    """One request: whom it asked, what came of it, what was wrong with it for that tier, and which step was done."""

    model: str
    status: int
    wrong: tuple[str, ...] = ()
    step: int = 0
    wanted: int = 0

    @property
    def redone(self) -> bool:
        """A step was done that had been done before."""
        return 0 < self.step < self.wanted


@dataclass
class Models:
    """An ASGI app. From step `busy_from` on `model_a` is throttled; `down` are tiers that answer 503. `before` is told
    of each request; where it gives something to wait for, nobody is answered after that."""

    busy_from: int = 1
    down: frozenset[str] = frozenset()
    calls: list[Call] = field(default_factory=list[Call])
    before: Callable[[str], Any] = lambda model: None
    _known: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = await Request(scope, receive).json()
            waits = self.before(body["model"])
            if waits is not None:  # whoever asked is gone by then
                self.calls.append(Call(body["model"], 0))
                await waits
                return
            await self._answered(body)(scope, receive, send)

    def _answered(self, body: dict[str, Any]) -> Response:
        model = body["model"]
        said = [_words(message["content"]) for message in body["messages"]]
        wanted = 1 + sum(message["role"] == "assistant" for message in body["messages"])
        if model in self.down:
            return self._refused(Call(model, 503, wanted=wanted), "The model is not available.")
        if model == "model_a" and wanted >= self.busy_from:
            return self._refused(Call(model, 429, wanted=wanted), "Rate limit reached.", {"retry-after": "60"})
        task = next(found[0] for each in said if (found := re.search(r"Task \S+:", each)))
        step = wanted if (model, task) in self._known else _told(said)
        self._known.add((model, task))
        wrong = _wrong(model, body)
        self.calls.append(Call(model, 200, wrong, step, wanted))
        return JSONResponse(_completion(model, _text(step, wrong, model)))

    def _refused(self, call: Call, message: str, headers: dict[str, str] | None = None) -> Response:
        self.calls.append(call)
        kind = "rate_limit_exceeded" if call.status == 429 else "server_error"
        error = {"message": message, "type": kind, "code": kind}
        return JSONResponse({"error": error}, call.status, headers)


def _told(said: list[str]) -> int:
    """Which step a model does that is new to this task: the one that it is told to be at, else the first."""
    told = [int(found[1]) for each in said for found in _STEP.finditer(each)]
    return told[-1] if told else 1


def _words(content: str | list[dict[str, str]]) -> str:
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def _wrong(model: str, body: dict[str, Any]) -> tuple[str, ...]:
    """What this tier does not take of the request."""
    asked = body.get("response_format", {}).get("type", "text")
    roles = {message["role"] for message in body["messages"]}
    found: list[str] = []
    if asked == "json_schema" and model != "model_a":
        found.append("json_schema")
    if asked == "json_object" and model == "model_c":
        found.append("json_object")
    if model == "model_c" and roles & {"system", "developer"}:
        found.append("system")
    if (body.get("max_tokens") or body.get("max_completion_tokens") or 0) > _LIMITS[model]:
        found.append("max_tokens")
    return tuple(found)


def _text(step: int, wrong: tuple[str, ...], model: str) -> str:
    name = STEPS[min(step, len(STEPS)) - 1]
    if not wrong:
        return json.dumps({"result": f"{name} done", "confidence": 0.9, OWN[name]: f"by step {step}"})
    if model == "model_c":
        return f"Sure! The {name} is done."
    return json.dumps({"result": f"{name} done"})


def _completion(model: str, text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": model, "choices": [choice], "usage": usage}
