"""OpenAI Chat Completions, the request side: refusals.

Rule of this module: a field that a policy may judge must have the type it is judged by. A provider that takes `"5000"`
for a number must not be a way around a rule on `max_tokens`.
"""

from __future__ import annotations

from typing import Any, NoReturn, cast

from policyroute.dialects.shapes import items
from policyroute.request import BadRequest

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def check(data: dict[str, Any]) -> None:
    """Raises BadRequest with the path of the first field that cannot be served."""
    model = data.get("model")
    if not isinstance(model, str) or not model:
        _refuse("missing_model" if model is None else "invalid_type", "model", "a model name")
    messages = data.get("messages")
    if not isinstance(messages, list) or not messages:
        code = "missing_messages" if messages is None else "invalid_type"
        _refuse(code, "messages", "an array with at least one message")
    for index, message in enumerate(items(messages)):
        _check_message(index, message)
    for name, (types, words) in _TYPES.items():
        value = data.get(name)
        if value is not None and (not isinstance(value, types) or (value is True or value is False) != (types is bool)):
            _refuse("invalid_type", name, words)
    _check_tools("tools", data.get("tools"))
    _check_tools("functions", data.get("functions"))


_NUMBER = ((int, float), "a number")
_INTEGER = (int, "an integer")
_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "stream": (bool, "a boolean"),
    "max_tokens": _INTEGER,
    "max_completion_tokens": _INTEGER,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "n": _INTEGER,
    "tools": (list, "an array"),
    "functions": (list, "an array"),
    "tool_choice": ((str, dict), "a string or an object"),
    "response_format": (dict, "an object"),
    "metadata": (dict, "an object"),
    "modalities": (list, "an array"),
    "stream_options": (dict, "an object"),
}


def _check_message(index: int, message: Any) -> None:
    if not isinstance(message, dict):
        _refuse("invalid_type", f"messages[{index}]", "an object")
    fields = cast("dict[str, Any]", message)
    role = fields.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        _refuse("invalid_role", f"messages[{index}].role", f"one of {', '.join(sorted(_ROLES))}")
    content = fields.get("content")
    if content is not None and not isinstance(content, str):
        _check_objects(f"messages[{index}].content", content, "a string or an array of objects")
    calls = fields.get("tool_calls")
    if calls is not None:
        _check_objects(f"messages[{index}].tool_calls", calls, "an array of objects")


def _check_tools(name: str, tools: Any) -> None:
    if tools is None:
        return
    _check_objects(name, tools, "an array of objects")
    for index, tool in enumerate(tools):
        holder = tool if name == "functions" else tool.get("function", tool)
        nameless = name == "tools" and tool.get("type") not in (None, "function")
        if not nameless and not (isinstance(holder, dict) and isinstance(cast("Any", holder).get("name"), str)):
            _refuse("invalid_tool", f"{name}[{index}]", "a tool with a type, and a name if it is a function")


def _check_objects(path: str, value: Any, words: str) -> None:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in items(value)):
        _refuse("invalid_type", path, words)


def _refuse(code: str, param: str, wanted: str) -> NoReturn:
    raise BadRequest(code, f"`{param}` must be {wanted}.", param=param)
