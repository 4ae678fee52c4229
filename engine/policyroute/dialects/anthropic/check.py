"""Anthropic Messages, the request side: refusals.

Rule of this module: a field that a policy may judge must have the type it is judged by. What a policy may yet add
(`max_tokens`, which the API demands) is not missed here.
"""

from __future__ import annotations

from typing import Any

from policyroute.dialects import checks
from policyroute.dialects.shapes import items

_ROLES = frozenset({"user", "assistant", "system"})


def check(data: dict[str, Any]) -> None:
    """Raises BadRequest with the path of the first field that cannot be served."""
    calls: set[Any] = set()
    for index, message in enumerate(checks.opening(data)):
        turn = checks.turn(index, message, _ROLES)
        _check_blocks(f"messages[{index}].content", turn, calls)
    system = data.get("system")
    if system is not None and not isinstance(system, str):
        checks.objects("system", system, "a string or an array of objects")
    checks.types(data, _TYPES)
    tools = data.get("tools")
    if tools is not None:
        _check_tools(tools)


def _check_blocks(path: str, turn: dict[str, Any], calls: set[Any]) -> None:
    """Adds the ids of what is called: by an assistant, as nobody else's calls are translated."""
    for index, block in enumerate(items(turn.get("content"))):
        kind = block.get("type")
        if kind == "tool_use" and turn["role"] == "assistant" and isinstance(block.get("id"), str):
            calls.add(block["id"])
        elif kind == "tool_result":
            checks.answers_a_call(f"{path}[{index}].tool_use_id", block.get("tool_use_id"), calls)


_TYPES: checks.Types = {
    "stream": checks.BOOLEAN,
    "max_tokens": checks.INTEGER,
    "temperature": checks.NUMBER,
    "top_p": checks.NUMBER,
    "top_k": checks.INTEGER,
    "stop_sequences": checks.ARRAY,
    "tool_choice": checks.OBJECT,
    "metadata": checks.OBJECT,
    "thinking": checks.OBJECT,
    "output_config": checks.OBJECT,
    "output_format": checks.OBJECT,
}


def _check_tools(tools: Any) -> None:
    checks.objects("tools", tools, "an array of objects")
    for index, tool in enumerate(tools):
        # A tool that the provider runs has a type, and need not have a name.
        typed = isinstance(tool.get("type"), str) and tool["type"] != "custom"
        if not typed and not isinstance(tool.get("name"), str):
            checks.refuse("invalid_tool", f"tools[{index}]", "a tool with a name, or with the type of a built-in one")
