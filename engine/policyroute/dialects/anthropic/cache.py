"""Anthropic Messages: where a body may be cached up to.

Rule of this module: a client that placed breakpoints of its own has placed them all. Nothing given is changed.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.shapes import items, obj, text

_NAME: Final = "cache_control"
_BREAK: Final = {_NAME: {"type": "ephemeral"}}
_UNFIT: Final = frozenset({"thinking", "redacted_thinking"})


def marked(data: dict[str, Any]) -> dict[str, Any]:
    """With a breakpoint after the tools, after the system text and after what the user said last."""
    if _NAME in data or any(_NAME in obj(node) for node in _nodes(data)):
        return data
    marks: dict[str, Any] = {}
    if items(data.get("tools")):
        marks["tools"] = _last(data["tools"])
    if data.get("system"):
        marks["system"] = _last(_blocks(data["system"]))
    messages = items(data.get("messages"))
    at = next((at for at in reversed(range(len(messages))) if messages[at].get("role") == "user"), None)
    if at is not None and messages[at].get("content"):
        last = {**messages[at], "content": _last(_blocks(messages[at]["content"]))}
        marks["messages"] = [*messages[:at], last, *messages[at + 1 :]]
    return {**data, **marks}


def _nodes(data: dict[str, Any]) -> list[Any]:
    found = [*items(data.get("tools")), *items(data.get("system"))]
    for message in items(data.get("messages")):
        for block in items(message.get("content")):
            found += [block, *items(obj(block).get("content"))]
    return found


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else items(content)


def _last(nodes: list[Any]) -> list[Any]:
    """The nodes, the last of which is a breakpoint if it can be."""
    last = obj(nodes[-1]) if nodes else {}
    fit = last and text(last.get("type")) not in _UNFIT and last.get("text") != ""
    return [*nodes[:-1], {**last, **_BREAK}] if fit else nodes
