"""Anthropic Messages: where in the blocks of a conversation there is text.

Rule of this module: the one walk that reading and rewriting share, so that no rule reads a text that another cannot
change. A signed thought is no such text: changed, it would not be taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyroute.dialects.shapes import items, obj, text

_TEXTS = {"text": ("text",), "tool_result": ("content",), "search_result": ("title", "content")}
"""Block -> the keys under which it has text, or blocks that do."""


def spoken(data: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """What holds everything that is said in a body."""
    return [(data, "system"), *[(message, "content") for message in data["messages"]]]


def places(holder: dict[str, Any], key: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Where text is in what stands under this key: the string itself, or in the blocks of an array."""
    content = holder.get(key)
    if isinstance(content, str):
        yield holder, key
    for block in items(content):
        fields = obj(block)
        kind = text(fields.get("type"))
        for name in _TEXTS.get(kind, ()):
            yield from places(fields, name)
        if kind == "document":
            yield from _of_document(fields)


def _of_document(block: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """A document may be a file, or nothing but text."""
    yield from places(block, "title")
    yield from places(block, "context")
    source = obj(block.get("source"))
    if source.get("type") == "text":
        yield from places(source, "data")
    elif source.get("type") == "content":
        yield from places(source, "content")


def text_of(holder: dict[str, Any], key: str) -> str:
    """All of it, joined by newlines."""
    return "\n".join([found for place, at in places(holder, key) if (found := place[at])])


def kinds(content: Any) -> Iterator[str]:
    """The type of every block, those in tool results included."""
    for block in items(content):
        fields = obj(block)
        kind = text(fields.get("type"))
        yield kind
        if kind == "tool_result":
            yield from kinds(fields.get("content"))
