"""Conversations of agents as each dialect's clients send them: what was called, with its results, and what was said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from policyroute.request.model_request import ModelRequest
from policyroute.request.prompt import Prompt

DIALECTS = ("openai_chat", "openai_responses", "anthropic", "gemini")
_PATHS = {"gemini": "/v1beta/models/m:generateContent"}


@dataclass(frozen=True)
class Does:
    """A turn of the assistant's: what it calls, by tool, arguments and result; and what it says."""

    calls: tuple[tuple[str, dict[str, Any], str], ...] = ()
    says: str = ""


@dataclass(frozen=True)
class Says:
    """A turn of the user's."""

    text: str


Round = Does | Says


def did(tool: str, result: str, **arguments: Any) -> Does:
    return Does(((tool, arguments, result),))


def prompt(dialect: str, rounds: Sequence[Round]) -> Prompt:
    body = json.dumps(bodies[dialect](rounds)).encode()
    return ModelRequest.read(dialect, body, path=_PATHS.get(dialect, "")).prompt


def _chat(rounds: Sequence[Round]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": "Be good."}]
    ids = map("call_{}".format, count(1))
    for each in rounds:
        if isinstance(each, Says):
            messages.append({"role": "user", "content": each.text})
            continue
        calls = [(next(ids), *call) for call in each.calls]
        said = [
            {"id": id_, "type": "function", "function": {"name": tool, "arguments": json.dumps(arguments)}}
            for id_, tool, arguments, _ in calls
        ]
        messages.append({"role": "assistant", "content": each.says, **({"tool_calls": said} if said else {})})
        messages += [{"role": "tool", "tool_call_id": id_, "content": result} for id_, _, _, result in calls]
    return {"model": "m", "messages": messages}


def _responses(rounds: Sequence[Round]) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    ids = map("call_{}".format, count(1))
    for each in rounds:
        if isinstance(each, Says):
            items.append({"role": "user", "content": each.text})
            continue
        calls = [(next(ids), *call) for call in each.calls]
        if each.says:
            items.append({"type": "message", "role": "assistant", "content": each.says})
        items += [
            {"type": "function_call", "call_id": id_, "name": tool, "arguments": json.dumps(arguments)}
            for id_, tool, arguments, _ in calls
        ]
        items += [{"type": "function_call_output", "call_id": id_, "output": result} for id_, _, _, result in calls]
    return {"model": "m", "instructions": "Be good.", "input": items}


def _anthropic(rounds: Sequence[Round]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    ids = map("call_{}".format, count(1))
    for each in rounds:
        if isinstance(each, Says):
            messages.append({"role": "user", "content": each.text})
            continue
        calls = [(next(ids), *call) for call in each.calls]
        said: list[dict[str, Any]] = [{"type": "text", "text": each.says}] if each.says else []
        said += [{"type": "tool_use", "id": id_, "name": tool, "input": given} for id_, tool, given, _ in calls]
        messages.append({"role": "assistant", "content": said})
        gave = [{"type": "tool_result", "tool_use_id": id_, "content": result} for id_, _, _, result in calls]
        messages += [{"role": "user", "content": gave}] if gave else []
    return {"model": "m", "max_tokens": 100, "system": "Be good.", "messages": messages}


def _gemini(rounds: Sequence[Round]) -> dict[str, Any]:
    contents: list[dict[str, Any]] = []
    for each in rounds:
        if isinstance(each, Says):
            contents.append({"role": "user", "parts": [{"text": each.text}]})
            continue
        said: list[dict[str, Any]] = [{"text": each.says}] if each.says else []
        said += [{"functionCall": {"name": tool, "args": arguments}} for tool, arguments, _ in each.calls]
        contents.append({"role": "model", "parts": said})
        gave = [{"functionResponse": {"name": tool, "response": {"output": text}}} for tool, _, text in each.calls]
        contents += [{"role": "user", "parts": gave}] if gave else []
    return {"contents": contents, "systemInstruction": {"parts": [{"text": "Be good."}]}}


bodies = {"openai_chat": _chat, "openai_responses": _responses, "anthropic": _anthropic, "gemini": _gemini}
