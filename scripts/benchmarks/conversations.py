"""A question of about 4.5 KB, and a conversation as long, asked in each client dialect of one gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

_SYSTEM = "You are a careful assistant. " * 10
_SAID = "Policies decide which provider sees which request. "
QUESTION = [("user", _SAID * 80)]
CONVERSATION = [(("user", "assistant")[number % 2], _SAID * 4) for number in range(17)]

Turns = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and what is in every whole answer to it."""

    path: str
    content: bytes
    mark: bytes


def chat(model: str, said: Turns, *, stream: bool) -> Ask:
    turns = [{"role": role, "content": text} for role, text in [("system", _SYSTEM), *said]]
    body = {"model": model, "stream": stream, "temperature": 0.2, "messages": turns}
    return Ask("/v1/chat/completions", orjson.dumps(body), b"[DONE]" if stream else b'"finish_reason"')


def responses(model: str, said: Turns, *, stream: bool) -> Ask:
    turns = [{"role": role, "content": text} for role, text in said]
    body = {"model": model, "stream": stream, "temperature": 0.2, "instructions": _SYSTEM, "input": turns}
    return Ask("/v1/responses", orjson.dumps(body), b"response.completed" if stream else b'"completed"')


def anthropic(model: str, said: Turns, *, stream: bool) -> Ask:
    turns = [{"role": role, "content": text} for role, text in said]
    body = {"model": model, "stream": stream, "temperature": 0.2, "max_tokens": 500, "system": _SYSTEM}
    return Ask(
        "/v1/messages", orjson.dumps(body | {"messages": turns}), b"message_stop" if stream else b'"stop_reason"'
    )


def gemini(model: str, said: Turns, *, stream: bool) -> Ask:
    roles = {"user": "user", "assistant": "model"}
    body: dict[str, Any] = {
        "systemInstruction": {"parts": [{"text": _SYSTEM}]},
        "contents": [{"role": roles[role], "parts": [{"text": text}]} for role, text in said],
        "generationConfig": {"temperature": 0.2},
    }
    operation = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return Ask(f"/v1beta/models/{model}:{operation}", orjson.dumps(body), b'"STOP"')


FOREIGN = {"openai_responses": responses, "anthropic": anthropic, "gemini": gemini}
"""The dialects that the upstream does not speak."""
