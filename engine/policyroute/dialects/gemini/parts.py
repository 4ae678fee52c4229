"""Gemini: where in the parts of a conversation there is text.

Rule of this module: the one walk that reading and rewriting share, so that no rule reads a text that another cannot
change. A thought is no such text: changed, it would not be taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyroute.dialects.gemini.spelling import camel, either, many
from policyroute.dialects.shapes import items, obj, text

Place = tuple[Any, Any]
"""A dict or a list, and the key or index under which it has a text."""

_RUN = {"executableCode": "code", "codeExecutionResult": "output"}
"""What the provider ran itself, and where that has text."""


def spoken(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What holds everything that is said in a body: the system instruction, and each turn."""
    return [*many(either(data, "systemInstruction")), *many(data.get("contents"))]


def parts(content: dict[str, Any]) -> list[dict[str, Any]]:
    return many(content.get("parts"))


def is_plain(part: dict[str, Any]) -> bool:
    """A text, and nothing but a text: nearly every part."""
    return len(part) == 1 and isinstance(part.get("text"), str)


def is_plain_turn(content: dict[str, Any]) -> bool:
    """A role and one such part, and nothing else: nearly every turn."""
    if len(content) != 2 or content.get("role") not in ("user", "model"):
        return False
    given = items(content.get("parts"))
    return len(given) == 1 and isinstance(given[0], dict) and is_plain(obj(given[0]))


def places(part: dict[str, Any]) -> Iterator[Place]:
    """Where text is in a part. Of a function's response that is every string in it, at any depth."""
    if isinstance(part.get("text"), str) and part.get("thought") is not True:
        yield part, "text"
    if is_plain(part):
        return
    for name, at in _RUN.items():
        ran = obj(either(part, name))
        if isinstance(ran.get(at), str):
            yield ran, at
    answered = obj(either(part, "functionResponse"))
    if answered:
        yield from _strings(answered.get("response"))


def text_of(found: list[dict[str, Any]]) -> str:
    """All text of these parts, joined by newlines."""
    return "\n".join([said for part in found for place, at in places(part) if (said := place[at])])


def media(found: list[dict[str, Any]]) -> Iterator[str]:
    """`image`, `audio`, `video` or `file` of each part that is one, those in responses of functions included."""
    for part in found:
        if is_plain(part):
            continue
        for name in ("inlineData", "fileData"):
            blob = obj(either(part, name))
            if blob:
                kind = text(either(blob, "mimeType")).partition("/")[0].lower()
                yield kind if kind in {"image", "audio", "video"} else "file"
        yield from media(many(obj(either(part, "functionResponse")).get("parts")))


def kind_of(part: dict[str, Any]) -> str:
    """What a part that is neither text nor a call is, by its own name."""
    return next((camel(name) for name, value in part.items() if camel(name) in _KINDS and value is not None), "")


_KINDS = frozenset(
    {"inlineData", "fileData", "executableCode", "codeExecutionResult", "toolCall", "toolResponse", "functionResponse"}
)


def _strings(value: Any) -> Iterator[Place]:
    """A request nests only so deep: see `MAX_DEPTH`."""
    for at, inner in [*obj(value).items(), *enumerate(items(value))]:
        if isinstance(inner, str):
            yield value, at
        else:
            yield from _strings(inner)
