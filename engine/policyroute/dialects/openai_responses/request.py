"""OpenAI Responses, the request side: what a body says.

Rule of this module: nothing is refused here; `check` comes first. A call is part of the assistant's turn that it
follows and a result is a turn of the tool, though both are items of their own, so that rules read the same of every
dialect.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from policyroute.absent import ABSENT, Absent
from policyroute.dialects.conversation import ConversationRequests, up_to
from policyroute.dialects.openai_responses.check import check
from policyroute.dialects.openai_responses.items import (
    SYSTEM,
    given,
    kind_of,
    parts,
    places,
    said_in,
    spoken,
    text_of,
    variables_of,
)
from policyroute.dialects.openai_responses.kept import kept
from policyroute.dialects.shapes import compact, has_words, items, obj, text, utf8_length
from policyroute.request import Message, ResponseFormat, Tool, ToolCall

_PARAMS: Final = tuple(
    """top_p top_logprobs reasoning text parallel_tool_calls max_tool_calls service_tier truncation include store
    background previous_response_id conversation prompt prompt_cache_key prompt_cache_retention safety_identifier
    context_management user""".split()
)
_MEDIA: Final = {
    "input_image": "image",
    "computer_screenshot": "image",
    "input_file": "file",
    "input_audio": "audio",
    "input_video": "video",
}


class ResponsesRequests(ConversationRequests):
    """The `RequestReader` of `openai_responses`. Has no state."""

    def check(self, data: dict[str, Any]) -> None:
        check(data)

    def messages(self, data: dict[str, Any]) -> tuple[Message, ...]:
        opening = [("system", text(data.get("instructions"))), ("user", variables_of(data))]
        turns = [_Turn(role, said) for role, said in opening if said]
        for item in given(data):
            _add(turns, item)
        return tuple([turn.message() for turn in turns])

    def tools(self, data: dict[str, Any]) -> tuple[Tool, ...]:
        """A tool that the provider runs has no name but its type."""
        return tuple(
            Tool(text(tool.get("name")) or text(tool.get("type")), text(tool.get("description")))
            for tool in items(data.get("tools"))
        )

    def tool_choice(self, data: dict[str, Any]) -> str | Absent:
        choice = data.get("tool_choice")
        if isinstance(choice, str):
            return choice
        named = obj(choice)
        return text(named.get("mode")) or text(named.get("name")) or text(named.get("type")) or ABSENT

    def response_format(self, data: dict[str, Any]) -> ResponseFormat | Absent:
        wanted = obj(obj(data.get("text")).get("format"))
        return ResponseFormat(text(wanted.get("type")), obj(wanted.get("schema"))) if wanted else ABSENT

    def max_tokens(self, data: dict[str, Any]) -> int | Absent:
        value = data.get("max_output_tokens")
        return ABSENT if value is None else int(value)

    def params(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in _PARAMS if data.get(name) is not None}

    def speaks(self, data: dict[str, Any]) -> bool:
        given = data.get("input")
        if isinstance(given, str):
            return bool(given)
        last = obj(items(given)[-1]) if items(given) else {}
        return bool(last.get("output")) or (last.get("role") == "user" and has_words(last.get("content")))

    def modalities(self, data: dict[str, Any]) -> tuple[str, ...]:
        asked = {text(name) for name in items(data.get("modalities"))}
        shown = {_MEDIA.get(text(part.get("type")), "") for item in given(data) for part in parts(item)}
        return tuple(sorted({"text", *asked, *shown} - {""}))

    def kept(self, data: dict[str, Any]) -> str:
        return kept(data)

    def steps(self, data: dict[str, Any], most: int) -> int:
        said = (obj(item) for item in items(data.get("input")))
        return up_to(most, (item.get("role") == "assistant" or _is_call(item) for item in said))

    def prompt_bytes(self, data: dict[str, Any]) -> int:
        said = sum(utf8_length(place[at]) for holder, key in spoken(data) for place, at in places(holder, key))
        said += sum(map(_unspoken, given(data)))
        wanted = self.response_format(data)
        declared: list[Any] = items(data.get("tools"))
        if not isinstance(wanted, Absent):
            declared = [*declared, wanted.schema]
        return said + (len(orjson.dumps(declared)) if declared else 0)


def _is_call(item: dict[str, Any]) -> bool:
    return text(item.get("type")).endswith("_call")


class _Turn:
    """A turn that is being put together."""

    __slots__ = ("calls", "has_image", "role", "said")

    def __init__(self, role: str, said: str = "", has_image: bool = False) -> None:
        self.role = role
        self.said = said
        self.has_image = has_image
        self.calls: list[ToolCall] = []

    def message(self) -> Message:
        return Message(self.role, self.said, tuple(self.calls), self.has_image)


def _add(turns: list[_Turn], item: dict[str, Any]) -> None:
    """Add what one item says. What the provider does on its own says nothing but the output it shows."""
    key = said_in(item)
    if kind_of(item) == "message":
        role = text(item.get("role"))
        turns.append(_Turn("system" if role in SYSTEM else role, text_of(item, key), _shows_image(item)))
        return
    name = text(item.get("name"))
    if name and ("arguments" in item or "input" in item):
        if not turns or turns[-1].role != "assistant":
            turns.append(_Turn("assistant"))
        turns[-1].calls.append(ToolCall(text(item.get("call_id")) or text(item.get("id")), name, _arguments(item)))
    if key:
        turns.append(_Turn("tool", text_of(item, key), _shows_image(item)))


def _shows_image(item: dict[str, Any]) -> bool:
    return any(_MEDIA.get(text(part.get("type"))) == "image" for part in parts(item))


def _arguments(item: dict[str, Any]) -> str:
    """JSON text, or a text that need not be JSON; of some tools the JSON itself."""
    said = item.get("arguments", item.get("input"))
    return said if isinstance(said, str) else compact(said)


def _unspoken(item: dict[str, Any]) -> int:
    """Bytes of what a tokenizer sees and no rule reads: calls and thoughts."""
    thoughts = [*items(item.get("summary")), *items(item.get("content"))] if kind_of(item) == "reasoning" else []
    said = sum(utf8_length(text(obj(thought).get("text"))) for thought in thoughts)
    if "arguments" in item or "input" in item:
        said += utf8_length(text(item.get("name"))) + utf8_length(_arguments(item))
    return said
