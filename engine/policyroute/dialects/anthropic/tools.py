"""Anthropic Messages: the tools of a prompt, and whether they must be called.

Rule of this module: a choice is not written without tools, and none for a subset: the rest of the tools is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from policyroute.changes import Change
from policyroute.dialects.extras import joined
from policyroute.request.prompt import Call, Choice, Function, Other, Prompt

_KINDS: Final = {"auto": "auto", "none": "none", "required": "any"}
_ANYTHING: Final[dict[str, Any]] = {"type": "object", "properties": {}}

Found = tuple[dict[str, Any], list[Change]]


def own(prompt: Prompt) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if prompt.tools:
        data["tools"] = [tool.raw if isinstance(tool, Other) else _own(tool) for tool in prompt.tools]
    choice: dict[str, Any] = _choice(prompt.choice) if prompt.choice else {}
    if prompt.parallel is not None:
        choice["disable_parallel_tool_use"] = not prompt.parallel
        if "tool_choice" not in (prompt.extra or {}):
            choice.setdefault("type", "auto")
    return {**data, "tool_choice": choice} if choice else data


def _own(tool: Function) -> dict[str, Any]:
    return joined({"type": "custom", **_said(tool)}, tool.extra)


def _said(tool: Function) -> dict[str, Any]:
    said: dict[str, Any] = {"name": tool.name}
    if tool.description:
        said["description"] = tool.description
    if tool.parameters is not None:
        said["input_schema"] = tool.parameters
    if tool.strict is not None:
        said["strict"] = tool.strict
    return said


def _choice(choice: Choice) -> dict[str, Any]:
    if choice.mode == "required" and len(choice.names) == 1:
        return {"type": "tool", "name": choice.names[0]}
    return {"type": _KINDS[choice.mode]}


def foreign(prompt: Prompt) -> Found:
    changes: list[Change] = []
    offered = [tool for tool in prompt.tools if isinstance(tool, Function)]
    if not offered:
        return _without_tools(prompt)
    choice = _choice(prompt.choice) if prompt.choice else {}
    if prompt.choice and prompt.choice.names and choice["type"] != "tool":
        offered = [tool for tool in offered if tool.name in prompt.choice.names]
        changes.append(Change("emulated", "tool_choice"))
    if not offered:
        return {}, changes
    if prompt.parallel is False and choice.get("type") != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    data: dict[str, Any] = {"tools": [_foreign(tool) for tool in offered]}
    return {**data, "tool_choice": choice} if choice else data, changes


def _foreign(tool: Function) -> dict[str, Any]:
    """The API demands a schema, and that of an object; what is not strict goes without saying."""
    said = _said(tool)
    schema = tool.parameters or _ANYTHING
    said["input_schema"] = schema if "type" in schema else {"type": "object", **schema}
    if not tool.strict:
        said.pop("strict", None)
    return said


def _without_tools(prompt: Prompt) -> Found:
    """A conversation with calls must have the tools that were called, though none may be called any more."""
    changes = [Change("dropped", "tool_choice")] if prompt.choice and prompt.choice.mode == "required" else []
    names = list(dict.fromkeys(_called(prompt)))
    if not names:
        return {}, changes
    tools = [{"name": name, "input_schema": _ANYTHING} for name in names]
    return {"tools": tools, "tool_choice": {"type": "none"}}, [*changes, Change("added", "tools")]


def _called(prompt: Prompt) -> Iterable[str]:
    return (part.name for turn in prompt.turns for part in turn.parts if isinstance(part, Call) and part.name)
