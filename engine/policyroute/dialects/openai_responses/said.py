"""OpenAI Responses: an item of the input as a turn of a prompt.

Rule of this module: nothing is refused and nothing lost. What of an item says nothing that we have words for is left in
the `extra` of its turn, if it is a message, else of its part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from policyroute.absent import ABSENT
from policyroute.dialects.extras import take_text
from policyroute.dialects.openai_responses.items import is_plain, kind_of
from policyroute.dialects.openai_responses.parts import Item, content, usual
from policyroute.dialects.shapes import compact, items, obj, text, without
from policyroute.request.prompt import Call, Media, Other, Result, Role, Text, Thought, Turn

CUSTOM_CALL: Final = "custom_tool_call"
CUSTOM_RESULT: Final = "custom_tool_call_output"
"""What marks a call of a tool that takes any text, and its result, where it is named as absent."""

ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_OF_THE_CLIENT: Final = ("_output", "_response")


_UNTYPED: Final = {"type": ABSENT}


def turn(item: dict[str, Any]) -> Turn:
    if is_plain(item):
        return Turn(item["role"], (Text(item["content"]),), _UNTYPED)
    kind = kind_of(item)
    read = _READERS.get(kind)
    return (read(item) if read else None) or Turn(_speaker(kind, item), (Item(kind, item),))


def _speaker(kind: str, item: dict[str, Any]) -> Role:
    """Whose an item is that we have no words for: what it does is mostly done by the model."""
    said = ROLES.get(text(item.get("role")))
    return said or ("user" if kind.endswith(_OF_THE_CLIENT) else "assistant")


def _message(item: dict[str, Any]) -> Turn:
    rest = dict(item)
    role = ROLES[rest["role"]]
    if rest["role"] == role:
        del rest["role"]
    if rest.setdefault("type", ABSENT) == "message":
        del rest["type"]
    parts = content(rest, "content", usual(role))
    if not parts:
        rest.setdefault("content", ABSENT)
    return Turn(role, parts, rest or None)


def _call(item: dict[str, Any]) -> Turn | None:
    custom = item["type"] == CUSTOM_CALL
    rest = without(item, "type")
    name = take_text(rest, "name")
    if not name or CUSTOM_CALL in rest:
        return None
    if custom:
        rest[CUSTOM_CALL] = ABSENT
    call_id = take_text(rest, "call_id")
    if not call_id:
        call_id = text(rest.get("id"))
        rest.setdefault("call_id", ABSENT)
    said = _arguments(rest, "input" if custom else "arguments")
    return Turn("assistant", (Call(call_id, name, said, rest or None),))


def _arguments(rest: dict[str, Any], name: str) -> str:
    given: Any = rest.setdefault(name, ABSENT)
    if isinstance(given, str | dict | list):
        del rest[name]
        return given if isinstance(given, str) else compact(cast("Any", given))
    return ""


def _result(item: dict[str, Any]) -> Turn | None:
    rest = without(item, "type")
    if CUSTOM_RESULT in rest:
        return None
    if item["type"] == CUSTOM_RESULT:
        rest[CUSTOM_RESULT] = ABSENT
    call_id = take_text(rest, "call_id")
    found = [part for part in content(rest, "output", usual("user")) if isinstance(part, Text | Media | Other)]
    if not found:
        rest.setdefault("output", ABSENT)
    return Turn("user", (Result(call_id, tuple(found), extra=rest or None),))


def _thought(item: dict[str, Any]) -> Turn:
    """A summary of one part is taken. Of any other the text is told, and the summary left as it came."""
    rest = without(item, "type")
    summary = items(rest.get("summary"))
    texts = [text(obj(part).get("text")) for part in summary or items(rest.get("content"))]
    if len(texts) == 1 and texts[0] and summary == [{"type": "summary_text", "text": texts[0]}]:
        del rest["summary"]
    else:
        rest.setdefault("summary", ABSENT)
    return Turn("assistant", (Thought("\n\n".join(filter(None, texts)), rest or None),))


_READERS: Final[dict[str, Callable[[dict[str, Any]], Turn | None]]] = {
    "message": _message,
    "reasoning": _thought,
    "function_call": _call,
    CUSTOM_CALL: _call,
    "function_call_output": _result,
    CUSTOM_RESULT: _result,
}
