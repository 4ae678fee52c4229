"""OpenAI Chat Completions: what a policy's `transform` changes, by ModelRequest's field names.

Rule of this module: nothing given is changed; what comes back shares what was not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from policyroute.dialects.edits import added
from policyroute.dialects.shapes import items, obj

_SYSTEM = ("system", "developer")


class ChatEditor:
    """The `Editor` of `openai_chat`. Has no state."""

    def has(self, data: dict[str, Any], field: str) -> bool:
        return any(data.get(name) is not None for name in _names(field))

    def put(self, data: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
        """Where a field has two names, the one the client used is kept."""
        names = _names(field)
        name = next((name for name in names if name in data), names[-1])
        others = [other for other in names if other != name and other in data]
        changed = {**data, name: _spelled(field, value)}
        for other in others:
            del changed[other]
        return changed

    def drop(self, data: dict[str, Any], field: str) -> dict[str, Any]:
        gone = _names(field)
        return {name: value for name, value in data.items() if name not in gone}

    def system(
        self, data: dict[str, Any], *, prepend: str | None, append: str | None, replace: str | None
    ) -> dict[str, Any]:
        messages: list[dict[str, Any]] = list(data["messages"])
        if replace is not None:
            messages = [message for message in messages if message["role"] not in _SYSTEM]
            messages.insert(0, {"role": "system", "content": replace})
        if prepend:
            at = next((n for n, message in enumerate(messages) if message["role"] in _SYSTEM), None)
            _add(messages, at, prepend, before=True)
        if append:
            found = [n for n, message in enumerate(messages) if message["role"] in _SYSTEM]
            _add(messages, found[-1] if found else None, append, before=False)
        return {**data, "messages": messages}

    def rewrite(self, data: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
        return {**data, "messages": [_rewritten(message, change) for message in data["messages"]]}


def _names(field: str) -> tuple[str, ...]:
    """The newest name comes first; the last is what every compatible server knows."""
    return ("max_completion_tokens", "max_tokens") if field == "max_tokens" else (field,)


def _spelled(field: str, value: Any) -> Any:
    """A value of the neutral fields, as this dialect spells it."""
    if field == "tool_choice" and value not in ("auto", "none", "required"):
        return {"type": "function", "function": {"name": value}}
    wanted = obj(value) if field == "response_format" else {}
    if wanted.get("type") == "json_schema" and "json_schema" not in wanted:
        inner = {"name": "answer"} | {name: part for name, part in wanted.items() if name != "type"}
        return {"type": "json_schema", "json_schema": inner}
    return value


def _add(messages: list[dict[str, Any]], at: int | None, said: str, *, before: bool) -> None:
    if at is None:
        messages.insert(0, {"role": "system", "content": said})
        return
    messages[at] = {**messages[at], "content": added(messages[at].get("content"), said, before=before)}


def _rewritten(message: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": change(content)}
    if isinstance(content, list):
        return {**message, "content": [_part(part, change) for part in items(content)]}
    return message


def _part(part: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    said = part.get("text")
    return {**part, "text": change(said)} if isinstance(said, str) else part
