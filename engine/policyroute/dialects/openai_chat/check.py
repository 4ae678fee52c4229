"""OpenAI Chat Completions, the request side: refusals.

Rule of this module: a field that a policy may judge must have the type it is judged by. A provider that takes `"5000"`
for a number must not be a way around a rule on `max_tokens`.
"""

from __future__ import annotations

from typing import Any, cast

from policyroute.dialects import checks

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def check(data: dict[str, Any]) -> None:
    """Raises BadRequest with the path of the first field that cannot be served."""
    calls: set[Any] = set()
    for index, message in enumerate(checks.opening(data)):
        _check_message(index, message, calls)
    checks.types(data, _TYPES)
    _check_tools("tools", data.get("tools"))
    _check_tools("functions", data.get("functions"))


_TYPES: checks.Types = {
    "stream": checks.BOOLEAN,
    "max_tokens": checks.INTEGER,
    "max_completion_tokens": checks.INTEGER,
    "temperature": checks.NUMBER,
    "top_p": checks.NUMBER,
    "n": checks.INTEGER,
    "tools": checks.ARRAY,
    "functions": checks.ARRAY,
    "tool_choice": ((str, dict), "a string or an object"),
    "response_format": checks.OBJECT,
    "metadata": checks.OBJECT,
    "modalities": checks.ARRAY,
    "stream_options": checks.OBJECT,
}


def _check_message(index: int, message: Any, calls: set[Any]) -> None:
    """Adds the ids of what it calls."""
    fields = checks.turn(index, message, _ROLES)
    called = fields.get("tool_calls")
    if called is not None:
        checks.objects(f"messages[{index}].tool_calls", called, "an array of objects")
        if fields["role"] == "assistant":  # nobody else calls anything, and no other's calls are translated
            calls.update([id for call in called if isinstance(id := call.get("id"), str)])
    if fields["role"] == "tool":
        checks.answers_a_call(f"messages[{index}].tool_call_id", fields.get("tool_call_id"), calls)


def _check_tools(name: str, tools: Any) -> None:
    if tools is None:
        return
    checks.objects(name, tools, "an array of objects")
    for index, tool in enumerate(tools):
        holder = tool if name == "functions" else tool.get("function", tool)
        nameless = name == "tools" and tool.get("type") not in (None, "function")
        if not nameless and not (isinstance(holder, dict) and isinstance(cast("Any", holder).get("name"), str)):
            checks.refuse("invalid_tool", f"{name}[{index}]", "a tool with a type, and a name if it is a function")
