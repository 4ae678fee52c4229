"""OpenAI Chat Completions: one message as a turn of a prompt.

Rule of this module: nothing is refused and nothing lost. A text or thought that stood in a part of its own has an
`extra`, if an empty one: that is how it is written there again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from policyroute.absent import ABSENT
from policyroute.dialects.extras import nested, take_text
from policyroute.dialects.openai_chat import media
from policyroute.dialects.shapes import compact, items, obj, text
from policyroute.request.prompt import Call, Media, Other, Part, Refusal, Result, Role, Text, Thought, Turn

ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "user",
    "function": "user",
}
_SAYS: Final = frozenset({"system", "user", "assistant"})
_USUAL: Final = _SAYS | {"tool"}

CALL: Final = "tool_calls"
"""The kind of an `Other` that stands among the calls."""
IN_CONTENT: Final = {"reasoning_content": ABSENT, "reasoning": ABSENT}
"""What marks a thought that is a part of the content."""

_P = TypeVar("_P", bound=Part)


def turn(message: dict[str, Any]) -> Turn:
    role, alone = message["role"], message.get("content")
    if len(message) == 2 and role in _SAYS and isinstance(alone, str) and alone:
        return Turn(role, (Text(alone),))  # a text, and nothing but a text: nearly every message
    rest = dict(message)
    if role in _USUAL:
        del rest["role"]
    parts: tuple[Part, ...]
    if role == "assistant":
        parts = (*_thoughts(rest), *_content(rest, _spoken), *_refusal(rest), *_calls(rest))
    elif ROLES[role] == "user" and role != "user":
        parts = (_result(rest),)
    else:
        parts = tuple(_content(rest, _shown))
    return Turn(ROLES[role], parts, rest or None)


def _thoughts(rest: dict[str, Any]) -> list[Thought]:
    """Under the first of its names; where both are given, the other is left."""
    if thought := take_text(rest, "reasoning_content"):
        return [Thought(thought)]
    if thought := take_text(rest, "reasoning"):
        return [Thought(thought, {"reasoning_content": ABSENT})]
    return []


def _content(rest: dict[str, Any], reader: Callable[[dict[str, Any]], _P]) -> list[_P | Text]:
    if said := take_text(rest, "content"):
        return [Text(said)]
    content = rest.get("content")
    if not isinstance(content, list) or not content:
        return []
    del rest["content"]
    return [reader(part) for part in items(cast("Any", content))]


def _shown(raw: dict[str, Any]) -> Text | Media | Other:
    if raw.get("type") == "text" and isinstance(raw.get("text"), str):
        rest = _untyped(raw)
        return Text(rest.pop("text"), rest)
    kind = raw.get("type")
    return media.read(raw) or Other(kind if isinstance(kind, str) and kind != CALL else "part", raw)


def _spoken(raw: dict[str, Any]) -> Part:
    """As what is shown, of somebody who may also think and refuse."""
    rest = _untyped(raw)
    if raw.get("type") == "refusal" and isinstance(raw.get("refusal"), str):
        return Refusal(rest.pop("refusal"), rest)
    if raw.get("type") == "thinking" and isinstance(raw.get("thinking"), list):
        return _thinking(rest) or Other("thinking", raw)
    return _shown(raw)


def _untyped(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name != "type"}


def _thinking(rest: dict[str, Any]) -> Thought | None:
    chunks: Any = rest.pop("thinking")
    texts = [text(obj(chunk).get("text")) for chunk in chunks]
    if chunks != [{"type": "text", "text": said} for said in texts]:
        return None
    if len(texts) != 1:
        rest["thinking"] = chunks
    return Thought("".join(texts), {**rest, **IN_CONTENT})


def _refusal(rest: dict[str, Any]) -> list[Refusal]:
    refused = take_text(rest, "refusal")
    return [Refusal(refused)] if refused else []


def _calls(rest: dict[str, Any]) -> list[Part]:
    given = rest.get("tool_calls")
    if given:
        del rest["tool_calls"]
        return [_call(raw) or Other(CALL, raw) for raw in items(given)]
    legacy = rest.get("function_call")
    call = _call({"type": "function", "function": legacy})
    if call is None:
        return []
    del rest["function_call"]
    return [Call("", call.name, call.arguments, {**(call.extra or {}), "tool_calls": ABSENT})]


def _call(raw: dict[str, Any]) -> Call | None:
    rest, left = dict(raw), dict(obj(raw.get("function")))
    name = take_text(left, "name")
    if not name or not take_type(rest, "function"):
        return None
    call_id = take_text(rest, "id")
    said = _arguments(left)
    nested(rest, "function", left)
    return Call(call_id, name, said, rest or None)


def _arguments(left: dict[str, Any]) -> str:
    given: Any = left.get("arguments", ABSENT)
    if isinstance(given, str | dict | list):
        del left["arguments"]
        return given if isinstance(given, str) else compact(cast("Any", given))
    left["arguments"] = given
    return ""


def _result(rest: dict[str, Any]) -> Result:
    content = tuple(_content(rest, _shown))
    return Result(take_text(rest, "tool_call_id"), content, name=take_text(rest, "name"))


def take_type(rest: dict[str, Any], wanted: str) -> bool:
    """Whether the node is of this type, which many leave out where there is but one."""
    if "type" not in rest:
        rest["type"] = ABSENT
        return True
    if rest["type"] == wanted:
        del rest["type"]
        return True
    return False
