"""One request to the gateway and everything that is known of its answer.

Rule of this module: it asks like any client does; what was decided comes from response headers and the log line.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from policyroute import ModelRequest
from policyroute.decide import Decision, RoutingState
from policyroute_asgi.demo.running import Running

_PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Ask:
    text: str
    model: str = "auto"
    profile: str | None = None
    stream: bool = False

    @property
    def body(self) -> bytes:
        messages = [{"role": "user", "content": self.text}]
        return orjson.dumps({"model": self.model, "messages": messages, "stream": self.stream})

    @property
    def headers(self) -> dict[str, str]:
        profile = {"x-router-profile": self.profile} if self.profile else {}
        return {"content-type": "application/json", **profile}


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is what the model said, or the error's message; `events` counts those of a stream."""

    status: int
    text: str
    code: str | None
    events: int
    seconds: float
    target: str | None
    rule: str | None
    revision: str
    attempts: Sequence[Mapping[str, Any]]


async def send(ask: Ask, client: httpx.AsyncClient, house: Running) -> Answer:
    start = time.monotonic()
    response = await client.post(_PATH, content=ask.body, headers=ask.headers)
    seconds = time.monotonic() - start
    text, code, events = _said(response)
    headers = response.headers
    line = await house.lines.of(headers["x-policyroute-decision-id"])
    return Answer(
        status=response.status_code,
        text=text,
        code=code,
        events=events,
        seconds=seconds,
        target=headers.get("x-policyroute-target"),
        rule=headers.get("x-policyroute-rule"),
        revision=headers["x-policyroute-revision"],
        attempts=line["attempts"],
    )


def decide(ask: Ask, house: Running) -> Decision:
    """The decision for the same bytes, asked of the library: no request is sent."""
    request = ModelRequest.read("openai_chat", body=ask.body, headers=ask.headers, path=_PATH)
    return house.holder.current.policy.decide(request, RoutingState.empty(), time.time())


def _said(response: httpx.Response) -> tuple[str, str | None, int]:
    """(text, error code, events of the stream)."""
    if not response.headers["content-type"].startswith("text/event-stream"):
        data = response.json()
        if "error" in data:
            return data["error"]["message"], data["error"]["code"], 0
        return data["choices"][0]["message"]["content"], None, 0
    events = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    chunks = [orjson.loads(event) for event in events if event != "[DONE]"]
    broken = next((chunk["error"]["code"] for chunk in chunks if "error" in chunk), None)
    deltas = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ())]
    complete = bool(events) and events[-1] == "[DONE]"
    return "".join(deltas), broken or (None if complete else "stream_broken"), len(events)
