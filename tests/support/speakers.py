"""The vendors' own SDKs as clients of the gateway, each asked for the same and telling the same of what it got."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import anthropic
import openai
from google import genai
from google.genai import types

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"q": {"type": "string", "enum": ["x"]}},
    "required": ["q"],
    "additionalProperties": False,
}


@dataclass
class Said:
    """One answer as its SDK sees it: text, refusal, calls, why it ended, tokens (in, out), and what was thought."""

    text: str = ""
    refusal: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    finish: str = ""
    usage: tuple[int, int] = (0, 0)
    model: str = ""
    thought: str = ""


@dataclass(frozen=True)
class Ask:
    """`tool`: the one tool `look` must be called; `schema`: the answer has to be by SCHEMA; `limit`: tokens of it.

    `gave`: what `look` gave when it was called, once for each letter from `x` on, after the prompt.
    """

    prompt: str
    system: str = ""
    tool: bool = False
    schema: bool = False
    limit: int = 0
    gave: tuple[str, ...] = ()

    @property
    def calls(self) -> list[tuple[str, dict[str, str], str]]:
        """Id, arguments and result of each call."""
        return [(f"call_{at}", {"q": chr(ord("x") + at)}, said) for at, said in enumerate(self.gave)]


class Speaker(Protocol):
    async def whole(self, model: str, ask: Ask) -> Said: ...
    async def streamed(self, model: str, ask: Ask) -> Said: ...


class Chat:
    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    def _body(self, model: str, ask: Ask) -> dict[str, Any]:
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        body: dict[str, Any] = {"model": model, "messages": [*system, {"role": "user", "content": ask.prompt}]}
        if ask.gave:
            called = [
                {"id": id_, "type": "function", "function": {"name": "look", "arguments": json.dumps(arguments)}}
                for id_, arguments, _ in ask.calls
            ]
            body["messages"].append({"role": "assistant", "tool_calls": called})
            body["messages"] += [{"role": "tool", "tool_call_id": id_, "content": said} for id_, _, said in ask.calls]
        if ask.limit:
            body["max_tokens"] = ask.limit
        if ask.tool:
            body["tools"] = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]
        if ask.tool and not ask.gave:
            body["tool_choice"] = {"type": "function", "function": {"name": "look"}}
        if ask.schema:
            form = {"name": "found", "schema": SCHEMA, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    async def whole(self, model: str, ask: Ask) -> Said:
        return self._said(await self._client.chat.completions.create(**self._body(model, ask)))

    async def streamed(self, model: str, ask: Ask) -> Said:
        body: dict[str, Any] = {**self._body(model, ask), "stream_options": {"include_usage": True}}
        async with self._client.chat.completions.stream(**body) as stream:
            async for _ in stream:
                pass
            return self._said(await stream.get_final_completion())

    def _said(self, answer: Any) -> Said:
        message, usage = answer.choices[0].message, answer.usage
        calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()]
        return Said(
            message.content or "",
            message.refusal or "",
            calls,
            answer.choices[0].finish_reason,
            (usage.prompt_tokens, usage.completion_tokens),
            answer.model,
            getattr(message, "reasoning_content", None) or "",
        )


class Responses:
    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    def _body(self, model: str, ask: Ask) -> dict[str, Any]:
        body: dict[str, Any] = {"model": model, "input": ask.prompt}
        if ask.gave:
            body["input"] = [{"role": "user", "content": ask.prompt}]
            body["input"] += [
                {"type": "function_call", "call_id": id_, "name": "look", "arguments": json.dumps(arguments)}
                for id_, arguments, _ in ask.calls
            ]
            body["input"] += [
                {"type": "function_call_output", "call_id": id_, "output": said} for id_, _, said in ask.calls
            ]
        if ask.limit:
            body["max_output_tokens"] = ask.limit
        if ask.system:
            body["instructions"] = ask.system
        if ask.tool:
            body["tools"] = [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": True}]
        if ask.tool and not ask.gave:
            body["tool_choice"] = {"type": "function", "name": "look"}
        if ask.schema:
            body["text"] = {"format": {"type": "json_schema", "name": "found", "schema": SCHEMA, "strict": True}}
        return body

    async def whole(self, model: str, ask: Ask) -> Said:
        return self._said(await self._client.responses.create(**self._body(model, ask)))

    async def streamed(self, model: str, ask: Ask) -> Said:
        """Its `get_final_response` takes no answer that is incomplete."""
        told: Any = None
        async with self._client.responses.stream(**self._body(model, ask)) as stream:
            async for event in stream:
                if event.type in ("response.completed", "response.incomplete"):
                    told = event
        return self._said(told.response)

    def _said(self, answer: Any) -> Said:
        said = Said(text=answer.output_text, finish=answer.status, model=answer.model)
        for item in answer.output:
            if item.type == "function_call":
                said.calls.append((item.name, json.loads(item.arguments)))
            if item.type == "reasoning":
                said.thought += "".join(part.text for part in item.summary)
            for part in item.content or () if item.type == "message" else ():
                said.refusal += part.refusal if part.type == "refusal" else ""
        said.usage = (answer.usage.input_tokens, answer.usage.output_tokens)
        return said


class Messages:
    def __init__(self, client: anthropic.AsyncAnthropic) -> None:
        self._client = client

    def _body(self, model: str, ask: Ask) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": ask.limit or 1000,
            "messages": [{"role": "user", "content": ask.prompt}],
        }
        if ask.gave:
            called = [{"type": "tool_use", "id": id_, "name": "look", "input": inner} for id_, inner, _ in ask.calls]
            given = [{"type": "tool_result", "tool_use_id": id_, "content": said} for id_, _, said in ask.calls]
            body["messages"] += [{"role": "assistant", "content": called}, {"role": "user", "content": given}]
        if ask.system:
            body["system"] = ask.system
        if ask.tool:
            body["tools"] = [{"name": "look", "input_schema": SCHEMA}]
        if ask.tool and not ask.gave:
            body["tool_choice"] = {"type": "tool", "name": "look"}
        if ask.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        return body

    async def whole(self, model: str, ask: Ask) -> Said:
        return self._said(await self._client.messages.create(**self._body(model, ask)))

    async def streamed(self, model: str, ask: Ask) -> Said:
        async with self._client.messages.stream(**self._body(model, ask)) as stream:
            async for _ in stream:
                pass
            return self._said(await stream.get_final_message())

    def _said(self, answer: Any) -> Said:
        text = "".join(block.text for block in answer.content if block.type == "text")
        calls = [(block.name, block.input) for block in answer.content if block.type == "tool_use"]
        usage = (answer.usage.input_tokens, answer.usage.output_tokens)
        thought = "".join(block.thinking for block in answer.content if block.type == "thinking")
        return Said(text, "", calls, answer.stop_reason, usage, answer.model, thought)


class Google:
    def __init__(self, models: Any) -> None:
        self._models = models

    def _body(self, model: str, ask: Ask) -> dict[str, Any]:
        config: dict[str, Any] = {"automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True)}
        if ask.system:
            config["system_instruction"] = ask.system
        if ask.tool:
            function = {"name": "look", "parameters_json_schema": SCHEMA}
            config["tools"] = [{"function_declarations": [function]}]
        if ask.tool and not ask.gave:
            config["tool_config"] = {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["look"]}}
        if ask.schema:
            config |= {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
        if ask.limit:
            config["max_output_tokens"] = ask.limit
        contents: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": ask.prompt}]}]
        if ask.gave:
            called = [
                {"function_call": {"id": id_, "name": "look", "args": arguments}} for id_, arguments, _ in ask.calls
            ]
            given = [
                {"function_response": {"id": id_, "name": "look", "response": {"output": said}}}
                for id_, _, said in ask.calls
            ]
            contents += [{"role": "model", "parts": called}, {"role": "user", "parts": given}]
        return {"model": model, "contents": contents, "config": config}

    async def whole(self, model: str, ask: Ask) -> Said:
        return self._said([await self._models.generate_content(**self._body(model, ask))])

    async def streamed(self, model: str, ask: Ask) -> Said:
        stream = await self._models.generate_content_stream(**self._body(model, ask))
        return self._said([chunk async for chunk in stream])

    def _said(self, chunks: list[Any]) -> Said:
        said = Said(model=chunks[-1].model_version)
        for chunk in chunks:
            candidate = chunk.candidates[0] if chunk.candidates else None
            for part in (candidate.content.parts or ()) if candidate and candidate.content else ():
                said.text += part.text or "" if not part.thought else ""
                said.thought += part.text or "" if part.thought else ""
                if part.function_call:
                    said.calls.append((part.function_call.name, part.function_call.args))
            if candidate and candidate.finish_reason:
                said.finish = candidate.finish_reason.value
        usage = chunks[-1].usage_metadata
        said.usage = (usage.prompt_token_count, usage.candidates_token_count + (usage.thoughts_token_count or 0))
        return said


FINISHES: Mapping[str, Mapping[str, str]] = {
    "openai_chat": {"stop": "stop", "tools": "tool_calls", "length": "length"},
    "openai_responses": {"stop": "completed", "tools": "completed", "length": "incomplete"},
    "anthropic": {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens"},
    "gemini": {"stop": "STOP", "tools": "STOP", "length": "MAX_TOKENS"},
}
"""How each dialect calls the ends of an answer."""

ERRORS: tuple[type[Exception], ...] = (openai.OpenAIError, anthropic.AnthropicError, genai.errors.APIError)
"""What the SDKs raise, each its own."""


@asynccontextmanager
async def speaker(dialect: str, url: str) -> AsyncGenerator[Speaker]:
    """The SDK of this dialect, asking the gateway at `url`."""
    if dialect == "anthropic":
        async with anthropic.AsyncAnthropic(base_url=url, api_key="unused", max_retries=0) as claude:
            yield Messages(claude)
    elif dialect == "gemini":
        async with genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=url)).aio as google:
            yield Google(google.models)
    else:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
            yield Chat(client) if dialect == "openai_chat" else Responses(client)
