"""Anthropic Messages: the blocks of a message as parts of a turn, and the same blocks again.

Rule of this module: a block that is not spelt as documented is an `Other`, as it came. A text without an `extra` was
the whole content, a string; one that stood in a block has an `extra`, if an empty one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.dialects.anthropic import media
from policyroute.dialects.extras import joined
from policyroute.dialects.shapes import compact, items, obj, text, without
from policyroute.dialects.turns import arguments
from policyroute.request.prompt import Call, Media, Other, Part, Refusal, Result, Text, Thought

Block = dict[str, Any]


def read_content(content: Any) -> tuple[Part, ...]:
    """Of a string or an array of blocks."""
    if isinstance(content, str):
        return (Text(content),)
    return tuple(map(_part, items(content)))


def _part(block: Any) -> Part:
    kind = text(obj(block).get("type"))
    if kind == "text" and len(block) == 2 and isinstance(block.get("text"), str):
        return Text(block["text"], {})  # a text, and nothing but a text: nearly every block
    read = _READERS.get(kind)
    return (read(block) if read else None) or Other(kind or "block", block)


def _text(block: Block) -> Text | None:
    said = block.get("text")
    return Text(said, without(block, "type", "text")) if isinstance(said, str) else None


def _thought(block: Block) -> Thought | None:
    said = block.get("thinking")
    return Thought(said, without(block, "type", "thinking") or None) if isinstance(said, str) else None


def _call(block: Block) -> Call | None:
    id_, name, given = block.get("id"), block.get("name"), block.get("input")
    if not isinstance(id_, str) or not isinstance(name, str) or not isinstance(given, dict):
        return None
    return Call(id_, name, compact(given), without(block, "type", "id", "name", "input") or None)


def _result(block: Block) -> Result | None:
    id_, content, failed = block.get("tool_use_id"), block.get("content"), block.get("is_error")
    if not isinstance(id_, str) or (failed is not None and not isinstance(failed, bool)):
        return None
    rest = without(block, "type", "tool_use_id")
    if isinstance(content, str | list):
        del rest["content"]
    else:
        rest.setdefault("content", ABSENT)
    if failed is not None:
        del rest["is_error"]
    else:
        rest.setdefault("is_error", ABSENT)
    told = (Text(content),) if isinstance(content, str) else tuple(map(_told, items(content)))
    return Result(id_, told, failed is True, extra=rest or None)


def _told(block: Any) -> Text | Media | Other:
    part = _part(block)
    return part if isinstance(part, Text | Media | Other) else Other(text(block.get("type")), block)


_READERS: Final[dict[str, Callable[[Block], Part | None]]] = {
    "text": _text,
    "thinking": _thought,
    "tool_use": _call,
    "tool_result": _result,
    "image": media.read,
    "document": media.read,
}


def content(parts: tuple[Part, ...]) -> str | list[Any]:
    """The content that was read."""
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].extra is None:
        return parts[0].text
    return [block(part) for part in parts]


def block(part: Part) -> Any:
    """The block that was read."""
    match part:
        case Other():
            return part.raw
        case Media():
            return media.own(part)
        case Result():
            return _own_result(part)
        case Call():
            given = arguments(part.arguments)
            said: Block = {"type": "tool_use", "id": part.id, "name": part.name, "input": given}
        case Thought():
            said = {"type": "thinking", "thinking": part.text}
        case Text() | Refusal():
            said = {"type": "text", "text": part.text}
    return joined(said, part.extra)


def _own_result(part: Result) -> Block:
    rest = part.extra or {}
    said: Block = {"type": "tool_result", "tool_use_id": part.call_id}
    if "content" not in rest:
        said["content"] = content(part.content)
    if "is_error" not in rest or part.error:
        said["is_error"] = part.error
    return joined(said, without(rest, *said))
