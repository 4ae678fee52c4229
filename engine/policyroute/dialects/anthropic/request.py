"""Anthropic Messages, the request side: what a body says.

Rule of this module: nothing is refused here; `check` comes first. A tool's result is a turn of the tool, though it
stands in one of the user's, so that rules read the same of every dialect.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from policyroute.absent import ABSENT, Absent
from policyroute.dialects.anthropic.blocks import kinds, places, spoken, text_of
from policyroute.dialects.anthropic.check import check
from policyroute.dialects.conversation import ConversationRequests
from policyroute.dialects.shapes import compact, has_words, items, obj, text, utf8_length
from policyroute.request import Message, ResponseFormat, Tool, ToolCall

_PARAMS = (
    "top_p",
    "top_k",
    "stop_sequences",
    "thinking",
    "output_config",
    "service_tier",
    "speed",
    "inference_geo",
    "container",
    "context_management",
    "mcp_servers",
    "cache_control",
)
_LONGEST_USER = 1024
_MEDIA = {"image": "image", "document": "file", "container_upload": "file"}
_CHOICES = {"any": "required", "auto": "auto", "none": "none"}


def claude_code_session(user: str) -> str:
    """What Claude Code says of its session where it names the user: after `_session_`, or in a JSON object. Its newer
    releases say it in a header too."""
    if "session" not in user or len(user) > _LONGEST_USER:
        return ""
    if not user.startswith("{"):
        return user.rpartition("_session_")[2] if "_session_" in user else ""
    try:
        return text(obj(orjson.loads(user)).get("session_id"))
    except orjson.JSONDecodeError:
        return ""


class MessagesRequests(ConversationRequests):
    """The `RequestReader` of `anthropic`. Has no state."""

    def check(self, data: dict[str, Any]) -> None:
        check(data)

    def messages(self, data: dict[str, Any]) -> tuple[Message, ...]:
        said = text_of(data, "system")
        system = [Message("system", said)] if said else []
        return (*system, *[turn for message in data["messages"] for turn in _turns(message)])

    def tools(self, data: dict[str, Any]) -> tuple[Tool, ...]:
        return tuple(
            Tool(text(tool.get("name")) or text(tool.get("type")), text(tool.get("description")))
            for tool in items(data.get("tools"))
        )

    def tool_choice(self, data: dict[str, Any]) -> str | Absent:
        choice = obj(data.get("tool_choice"))
        return _CHOICES.get(text(choice.get("type"))) or text(choice.get("name")) or ABSENT

    def response_format(self, data: dict[str, Any]) -> ResponseFormat | Absent:
        """`output_format` is the older name."""
        wanted = obj(obj(data.get("output_config")).get("format")) or obj(data.get("output_format"))
        return ResponseFormat(text(wanted.get("type")), obj(wanted.get("schema"))) if wanted else ABSENT

    def session(self, data: dict[str, Any]) -> str:
        return claude_code_session(text(obj(data.get("metadata")).get("user_id")))

    def max_tokens(self, data: dict[str, Any]) -> int | Absent:
        value = data.get("max_tokens")
        return ABSENT if value is None else int(value)

    def params(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in _PARAMS if data.get(name) is not None}

    def speaks(self, data: dict[str, Any]) -> bool:
        last = data["messages"][-1]
        return last["role"] == "user" and has_words(last.get("content"), "tool_use_id")

    def modalities(self, data: dict[str, Any]) -> tuple[str, ...]:
        given = {
            _MEDIA[kind] for message in data["messages"] for kind in kinds(message.get("content")) if kind in _MEDIA
        }
        return tuple(sorted({"text", *given}))

    def prompt_bytes(self, data: dict[str, Any]) -> int:
        said = sum(map(utf8_length, _texts(data)))
        wanted = self.response_format(data)
        declared: list[Any] = items(data.get("tools"))
        if not isinstance(wanted, Absent):
            declared = [*declared, wanted.schema]
        return said + (len(orjson.dumps(declared)) if declared else 0)


class CountRequests(MessagesRequests):
    """The same of a request for nothing but a count, which is never streamed."""

    def stream(self, data: dict[str, Any], path: str) -> bool:
        return False


def _turns(raw: dict[str, Any]) -> list[Message]:
    content = raw.get("content")
    if isinstance(content, str):
        return [Message(raw["role"], content)]
    blocks = items(content)
    results = [block for block in blocks if block.get("type") == "tool_result"]
    turns = [
        Message("tool", text_of(result, "content"), has_image="image" in kinds(result.get("content")))
        for result in results
    ]
    rest = [block for block in blocks if block.get("type") != "tool_result"]
    if rest or not results:
        calls = tuple(_tool_call(block) for block in rest if block.get("type") == "tool_use")
        turns.append(Message(raw["role"], text_of({"": rest}, ""), calls, "image" in kinds(rest)))
    return turns


def _tool_call(block: dict[str, Any]) -> ToolCall:
    return ToolCall(text(block.get("id")), text(block.get("name")), compact(block.get("input")))


def _texts(data: dict[str, Any]) -> Iterator[str]:
    """Everything that is said, as a tokenizer would see it: calls and thoughts too."""
    for holder, key in spoken(data):
        yield from (place[at] for place, at in places(holder, key))
    for message in data["messages"]:
        for block in items(message.get("content")):
            if block.get("type") == "tool_use":
                yield text(block.get("name"))
                yield compact(block.get("input"))
            elif block.get("type") == "thinking":
                yield text(block.get("thinking"))
