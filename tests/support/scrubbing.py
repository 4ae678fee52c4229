"""Prompts for scrubbing: of plain texts, and bodies that say something in every place that a dialect has."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from policyroute.clearance import Clearance
from policyroute.request.prompt import Part, Prompt, Text, Turn
from policyroute.scrub import DEFAULT, Gate, Profile, Refusal, Scrubbed, scrubbed

LOWER = Gate(Clearance.INTERNAL, crossing=True)
"""A provider that is told as much as any, and hears of the conversation for the first time."""
CLEARED = Gate(Clearance.CONFIDENTIAL, crossing=False)
"""One that may be told all but secrets, and has the conversation."""


def asked(system: str, user: str = "Hello there", *more: Turn) -> Prompt:
    return Prompt("openai_chat", (Turn("system", (Text(system),)), Turn("user", (Text(user),)), *more))


def told(prompt: Prompt, gate: Gate = LOWER, *profiles: Profile) -> Scrubbed:
    outcome = scrubbed(prompt, profiles or (DEFAULT,), gate)
    assert isinstance(outcome, Scrubbed), outcome
    return outcome


def refused(prompt: Prompt, gate: Gate = LOWER, *profiles: Profile) -> Refusal:
    outcome = scrubbed(prompt, profiles or (DEFAULT,), gate)
    assert isinstance(outcome, Refusal)
    return outcome


def system_of(prompt: Prompt) -> str:
    return "\n\n".join(said(part) for turn in prompt.turns if turn.role == "system" for part in turn.parts)


def said(part: Part) -> str:
    return part.text if isinstance(part, Text) else ""


class Marks:
    """Texts that can be told from each other and from everything else. `made`: all of them."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, before: str = "") -> str:
        self.made.append(f"{before}zq{len(self.made)}x")
        return self.made[-1]

    def json(self) -> str:
        return json.dumps({"a": self(), "b": [{"c": self()}], "d": json.dumps({"e": self()})})

    def file(self) -> str:
        return base64.b64encode(f"line\n{self()}\n".encode()).decode()

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "description": self(),
            "title": self(),
            "properties": {
                "city": {"type": "string", "description": self(), "default": self(), "examples": [self()]},
                "unit": {"enum": [self(), self()]},
                "deep": {"anyOf": [{"type": "array", "items": {"const": self(), "description": self()}}]},
            },
            "required": ["city"],
            "$defs": {"inner": {"description": self()}},
            "x-note": self(),
        }


def chat(mark: Marks) -> dict[str, Any]:
    call = {"id": mark("call_"), "type": "function", "function": {"name": mark("tool_"), "arguments": mark.json()}}
    return {
        "model": "m",
        "messages": [
            {"role": "system", "content": mark()},
            {"role": "developer", "content": [{"type": "text", "text": mark()}]},
            {
                "role": "user",
                "name": mark(),
                "content": [
                    {"type": "text", "text": mark()},
                    {"type": "image_url", "image_url": {"url": f"https://example.com/{mark()}.png"}},
                    {
                        "type": "file",
                        "file": {"filename": mark(), "file_data": f"data:text/plain;base64,{mark.file()}"},
                    },
                ],
            },
            {"role": "assistant", "content": mark(), "reasoning_content": mark(), "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": mark()},
            {"role": "assistant", "content": None, "refusal": mark()},
            {"role": "user", "content": mark(), "metadata": {"note": mark()}},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": mark("tool_"), "description": mark(), "parameters": mark.schema()},
            }
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": mark(), "description": mark(), "schema": mark.schema()},
        },
        "stop": [mark(), mark()],
        "user": mark(),
        "metadata": {"team": mark()},
        "prompt_cache_key": mark(),
        "safety_identifier": mark(),
        "prediction": {"type": "content", "content": mark()},
    }


def responses(mark: Marks) -> dict[str, Any]:
    call_id = mark("call_")
    return {
        "model": "m",
        "instructions": mark(),
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": mark()}]},
            {"type": "reasoning", "id": mark("rs_"), "summary": [{"type": "summary_text", "text": mark()}]},
            {"type": "function_call", "call_id": call_id, "name": mark("tool_"), "arguments": mark.json()},
            {"type": "function_call_output", "call_id": call_id, "output": mark()},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": mark()}]},
            {"role": "user", "content": mark()},
        ],
        "tools": [
            {"type": "function", "name": mark("tool_"), "description": mark(), "parameters": mark.schema()},
            {"type": "file_search", "vector_store_ids": [mark()]},
        ],
        "text": {"format": {"type": "json_schema", "name": mark(), "schema": mark.schema()}},
        "user": mark(),
        "metadata": {"team": mark()},
        "previous_response_id": mark("resp_"),
    }


def messages(mark: Marks) -> dict[str, Any]:
    call_id = mark("toolu_")
    return {
        "model": "m",
        "max_tokens": 100,
        "system": [{"type": "text", "text": mark(), "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": mark()},
                    {
                        "type": "document",
                        "title": mark(),
                        "context": mark(),
                        "source": {"type": "text", "media_type": "text/plain", "data": mark()},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": mark(), "signature": mark()},
                    {"type": "text", "text": mark()},
                    {"type": "tool_use", "id": call_id, "name": mark("tool_"), "input": json.loads(mark.json())},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": call_id, "content": [{"type": "text", "text": mark()}]},
                    {"type": "text", "text": mark()},
                ],
            },
        ],
        "tools": [
            {"name": mark("tool_"), "description": mark(), "input_schema": mark.schema(), "input_examples": [mark()]}
        ],
        "stop_sequences": [mark()],
        "metadata": {"user_id": mark()},
        "container": mark(),
    }


def contents(mark: Marks) -> dict[str, Any]:
    name = mark("tool_")
    return {
        "systemInstruction": {"parts": [{"text": mark()}]},
        "contents": [
            {"role": "user", "parts": [{"text": mark()}, {"fileData": {"fileUri": f"gs://b/{mark()}"}}]},
            {
                "role": "model",
                "parts": [
                    {"text": mark(), "thought": True},
                    {"functionCall": {"name": name, "args": {"a": mark()}}, "thoughtSignature": mark()},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": name, "response": {"result": mark()}}}]},
            {"role": "user", "parts": [{"inlineData": {"mimeType": "text/plain", "data": mark.file()}}]},
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": mark("tool_"),
                        "description": mark(),
                        "parameters": {
                            "type": "OBJECT",
                            "properties": {"city": {"type": "STRING", "description": mark(), "enum": [mark()]}},
                        },
                    }
                ]
            }
        ],
        "generationConfig": {
            "stopSequences": [mark()],
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "description": mark()},
        },
        "labels": {"team": mark()},
        "cachedContent": mark(),
    }


BODIES: dict[str, Callable[[Marks], dict[str, Any]]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic": messages,
    "gemini": contents,
}
"""By dialect, a body with a mark in every place."""
