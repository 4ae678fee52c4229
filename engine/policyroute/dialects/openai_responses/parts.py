"""OpenAI Responses: the parts of a message, or of what a tool gave.

Rule of this module: nothing is refused and nothing lost. A text that stood in a part of its own has an `extra`, if an
empty one: that is how it is written there again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from policyroute.dialects.extras import changed, take_text
from policyroute.dialects.openai_responses import media
from policyroute.dialects.shapes import items, text, without
from policyroute.request.prompt import Media, Other, Part, Refusal, Text

_TEXTS: Final = frozenset({"input_text", "output_text", "text"})

ContentPart = Text | Media | Refusal | Other


@dataclass(slots=True, repr=False)
class Item(Other):
    """An item of the input that only this dialect has words for. Any other `Other` is a part of a content or a tool."""


def usual(role: str) -> str:
    """What a text is called in what this role says."""
    return "output_text" if role == "assistant" else "input_text"


def content(rest: dict[str, Any], name: str, text_type: str) -> tuple[ContentPart, ...]:
    """What stands under this name, taken, if it says anything."""
    if said := take_text(rest, name):
        return (Text(said),)
    given = items(rest.get(name))
    if not given:
        return ()
    del rest[name]
    return tuple(_read(part, text_type) for part in given)


def _read(raw: dict[str, Any], text_type: str) -> ContentPart:
    kind = text(raw.get("type"))
    if kind in _TEXTS and isinstance(raw.get("text"), str):
        return Text(raw["text"], without(raw, "text", "type") if kind == text_type else without(raw, "text"))
    if kind == "refusal" and isinstance(raw.get("refusal"), str):
        return Refusal(raw["refusal"], without(raw, "refusal", "type") or None)
    return media.read(raw) or Other(kind or "part", raw)


def again(parts: Sequence[Part], text_type: str) -> Any:
    """A text that was no part of a list is none again, where it is all there is."""
    match parts:
        case [Text(said, None)]:
            return said
        case several:
            return [_again(part, text_type) for part in several]


def _again(part: Part, text_type: str) -> Any:
    match part:
        case Text(said, extra):
            return changed({"type": text_type, "text": said}, extra)
        case Refusal(said, extra):
            return changed({"type": "refusal", "refusal": said}, extra)
        case Media():
            return media.write(part)
        case Other(_, raw):
            return raw
        case _:
            return {}
