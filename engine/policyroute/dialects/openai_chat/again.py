"""OpenAI Chat Completions: a turn that was read from it as the message it was.

Rule of this module: the reverse of `said`, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.absent import ABSENT
from policyroute.dialects.extras import inner, joined
from policyroute.dialects.openai_chat import media
from policyroute.dialects.openai_chat.said import CALL, IN_CONTENT
from policyroute.request.prompt import Call, Media, Other, Part, Refusal, Result, Text, Thought, Turn


def messages(turn: Turn) -> list[dict[str, Any]]:
    """One message, but for a turn that was put together of several."""
    rest = [part for part in turn.parts if not isinstance(part, Result)]
    found = [_result(part) | {"role": "tool"} for part in turn.parts if isinstance(part, Result)]
    if rest or not found:
        found.append(_message(rest) | {"role": turn.role})
    return [_named(message, turn) for message in found]


def _named(message: dict[str, Any], turn: Turn) -> dict[str, Any]:
    if turn.extra and "role" in turn.extra:
        del message["role"]
    return joined(message, turn.extra)


def _result(result: Result) -> dict[str, Any]:
    said: dict[str, Any] = {"content": _content(result.content)} if result.content else {}
    if result.call_id:
        said["tool_call_id"] = result.call_id
    if result.name:
        said["name"] = result.name
    return said


def _message(parts: Iterable[Part]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    content: list[Part] = []
    for part in parts:
        if isinstance(part, Call) or (isinstance(part, Other) and part.kind == CALL):
            _add_call(part, said)
        elif isinstance(part, Thought) and not _in_content(part):
            said["reasoning" if part.extra else "reasoning_content"] = part.text
        elif isinstance(part, Refusal) and part.extra is None:
            said["refusal"] = part.text
        else:
            content.append(part)
    if content:
        said["content"] = _content(content)
    return said


def _in_content(thought: Thought) -> bool:
    return thought.extra is not None and "reasoning" in thought.extra


def _add_call(part: Call | Other, said: dict[str, Any]) -> None:
    if isinstance(part, Other):
        said.setdefault("tool_calls", []).append(part.raw)
        return
    function = joined({"name": part.name, "arguments": part.arguments}, inner(part.extra, "function"))
    if part.extra and part.extra.get("tool_calls") is ABSENT:
        said["function_call"] = function
        return
    call = {"id": part.id} if part.id else {}
    said.setdefault("tool_calls", []).append(joined({**call, "type": "function", "function": function}, part.extra))


def _content(parts: Iterable[Part]) -> Any:
    """A text that was no part of a list is none again, where it is all there is."""
    match list(parts):
        case [Text(said, None)]:
            return said
        case several:
            return [_part(part) for part in several]


def _part(part: Part) -> Any:
    match part:
        case Text(said, extra):
            return joined({"type": "text", "text": said}, extra)
        case Media():
            return media.write(part)
        case Refusal(said, extra):
            return joined({"type": "refusal", "refusal": said}, extra)
        case Thought(said, extra):
            left = {name: value for name, value in (extra or {}).items() if name not in IN_CONTENT}
            return {"type": "thinking", "thinking": [{"type": "text", "text": said}], **left}
        case Other(_, raw):
            return raw
        case _:
            return {"type": "text", "text": ""}
