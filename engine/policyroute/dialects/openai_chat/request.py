"""OpenAI Chat Completions, the request side: what a body says.

Rule of this module: nothing is refused here. `check` comes first and refuses what no rule could judge; whatever else
is odd goes upstream as it came, for the provider to judge.
"""

from __future__ import annotations

from typing import Any

import orjson

from policyroute.absent import ABSENT, Absent
from policyroute.dialects.conversation import ConversationRequests
from policyroute.dialects.openai_chat.check import check
from policyroute.dialects.shapes import has_words, items, obj, text, utf8_length
from policyroute.request import Message, ResponseFormat, Tool, ToolCall

_READ_AS = {"developer": "system", "function": "tool"}
"""Roles by other names. Everything else is called what it is called here."""

SAMPLING = (
    "top_p",
    "top_k",
    "min_p",
    "n",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "verbosity",
    "parallel_tool_calls",
    "service_tier",
    "user",
)
_MEDIA = {"image_url": "image", "input_audio": "audio", "file": "file", "video_url": "video"}


class ChatRequests(ConversationRequests):
    """The `RequestReader` of `openai_chat`. Has no state."""

    def check(self, data: dict[str, Any]) -> None:
        check(data)

    def messages(self, data: dict[str, Any]) -> tuple[Message, ...]:
        return tuple(map(_message, data["messages"]))

    def tools(self, data: dict[str, Any]) -> tuple[Tool, ...]:
        legacy = [{"function": function} for function in items(data.get("functions"))]
        return tuple(map(_tool, items(data.get("tools")) + legacy))

    def tool_choice(self, data: dict[str, Any]) -> str | Absent:
        choice = data.get("tool_choice", data.get("function_call"))
        if isinstance(choice, str):
            return choice
        named = obj(choice)
        subset = obj(named.get("allowed_tools"))
        holder = obj(named.get("function")) or obj(named.get("custom")) or named
        return text(subset.get("mode")) or text(holder.get("name")) or ABSENT

    def response_format(self, data: dict[str, Any]) -> ResponseFormat | Absent:
        wanted = obj(data.get("response_format"))
        if not wanted:
            return ABSENT
        return ResponseFormat(text(wanted.get("type")), obj(obj(wanted.get("json_schema")).get("schema")))

    def max_tokens(self, data: dict[str, Any]) -> int | Absent:
        """The newer name wins; where both are given, that is what providers do who know both."""
        value = data.get("max_completion_tokens")
        if value is None:
            value = data.get("max_tokens")
        return ABSENT if value is None else int(value)

    def params(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in SAMPLING if data.get(name) is not None}

    def speaks(self, data: dict[str, Any]) -> bool:
        last = data["messages"][-1]
        return last["role"] == "tool" or (last["role"] == "user" and has_words(last.get("content")))

    def modalities(self, data: dict[str, Any]) -> tuple[str, ...]:
        asked = {text(name) for name in items(data.get("modalities"))}
        given = {
            _MEDIA.get(text(part.get("type")), "")
            for message in data["messages"]
            for part in items(message.get("content"))
        }
        return tuple(sorted({"text", *asked, *given} - {""}))

    def prompt_bytes(self, data: dict[str, Any]) -> int:
        said = sum(map(_weight, data["messages"]))
        declared = [data[name] for name in ("tools", "functions", "response_format") if data.get(name)]
        return said + (len(orjson.dumps(declared)) if declared else 0)


def _message(raw: dict[str, Any]) -> Message:
    content = raw.get("content")
    if isinstance(content, str) and "tool_calls" not in raw:
        return Message(_role(raw), content)
    parts = items(content)
    said = content if isinstance(content, str) else "\n".join(filter(None, map(_part_text, parts)))
    return Message(
        role=_role(raw),
        text=said or text(raw.get("refusal")),
        tool_calls=tuple(map(_tool_call, items(raw.get("tool_calls")))),
        has_image=any(part.get("type") == "image_url" for part in parts),
    )


def _role(raw: dict[str, Any]) -> str:
    role = text(raw["role"])
    return _READ_AS.get(role, role)


def _part_text(part: dict[str, Any]) -> str:
    return text(part.get("text")) or text(part.get("refusal"))


def _tool_call(raw: dict[str, Any]) -> ToolCall:
    called = obj(raw.get("function")) or obj(raw.get("custom"))
    arguments = called.get("arguments", called.get("input"))
    return ToolCall(text(raw.get("id")), text(called.get("name")), text(arguments))


def _tool(raw: dict[str, Any]) -> Tool:
    declared = obj(raw.get("function")) or obj(raw.get("custom"))
    # A built-in tool has no name but its type.
    return Tool(text(declared.get("name")) or text(raw.get("type")), text(declared.get("description")))


def _weight(raw: dict[str, Any]) -> int:
    content = raw.get("content")
    if isinstance(content, str) and "tool_calls" not in raw:  # no message needs to be made to weigh most
        return utf8_length(content)
    message = _message(raw)
    called = sum(len(call.name) + utf8_length(call.arguments) for call in message.tool_calls)
    return utf8_length(message.text) + called
