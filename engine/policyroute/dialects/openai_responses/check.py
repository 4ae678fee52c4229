"""OpenAI Responses, the request side: refusals.

Rule of this module: a field that a policy may judge must have the type it is judged by. Kinds of items and tools that
nobody here has heard of pass: the provider knows them.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects import checks
from policyroute.dialects.openai_responses.items import is_plain, kind_of
from policyroute.dialects.shapes import items, obj, text

_ROLES: Final = frozenset({"system", "developer", "user", "assistant"})
_INSTEAD: Final = ("previous_response_id", "conversation", "prompt")
"""With one of these a request need not have an input."""
_NAMED: Final = ("function", "custom")
_CALLS: Final = ("function_call", "custom_tool_call")
_KEPT: Final = "item_reference"
_RESULTS: Final = ("function_call_output", "custom_tool_call_output")


def check(data: dict[str, Any]) -> None:
    """Raises BadRequest with the path of the first field that cannot be served."""
    checks.model(data)
    given = data.get("input")
    if not isinstance(given, str):
        _check_items(data, given)
    checks.types(data, _TYPES)
    _check_tools(data.get("tools"))
    if not isinstance(obj(data.get("text")).get("format"), dict | None):
        checks.refuse("invalid_type", "text.format", "an object")


_TYPES: checks.Types = {
    "stream": checks.BOOLEAN,
    "instructions": checks.STRING,
    "max_output_tokens": checks.INTEGER,
    "temperature": checks.NUMBER,
    "top_p": checks.NUMBER,
    "tools": checks.ARRAY,
    "tool_choice": ((str, dict), "a string or an object"),
    "text": checks.OBJECT,
    "reasoning": checks.OBJECT,
    "metadata": checks.OBJECT,
    "prompt": checks.OBJECT,
    "modalities": checks.ARRAY,
    "background": checks.BOOLEAN,
    "store": checks.BOOLEAN,
    "previous_response_id": checks.STRING,
    "conversation": ((str, dict), "a string or an object"),
    "stream_options": checks.OBJECT,
}


def _check_items(data: dict[str, Any], given: Any) -> None:
    if not given and not any(data.get(name) for name in _INSTEAD):
        checks.refuse("missing_input" if given is None else "invalid_type", "input", "a text or an array of items")
    if given is not None and not isinstance(given, list):
        checks.refuse("invalid_type", "input", "a text or an array of items")
    calls: set[Any] = set()
    others: list[tuple[int, Any]] = []
    for index, item in enumerate(items(given)):
        if not is_plain(obj(item)):
            _check_item(index, item, calls)
            others.append((index, item))
    if not any(data.get(name) for name in _INSTEAD) and not any(kind_of(item) == _KEPT for _, item in others):
        _check_results(others, calls)


def _check_results(given: list[tuple[int, Any]], calls: set[Any]) -> None:
    """Where the account keeps part of the conversation, the calls may stand there."""
    for index, item in given:
        if kind_of(item) in _RESULTS:
            checks.answers_a_call(f"input[{index}].call_id", item.get("call_id"), calls)


def _check_item(index: int, item: Any, calls: set[Any]) -> None:
    """Adds the id of what it calls."""
    path = f"input[{index}]"
    if not isinstance(item, dict):
        checks.refuse("invalid_type", path, "an object")
    fields = obj(item)
    if not isinstance(fields.get("type", ""), str):
        checks.refuse("invalid_type", f"{path}.type", "a string")
    kind = kind_of(fields)
    if kind == "message":
        checks.turn(index, fields, _ROLES, "input")
    elif kind in _CALLS:
        if not isinstance(fields.get("name"), str):
            checks.refuse("invalid_type", f"{path}.name", "the name of the tool that is called")
        calls.add(text(fields.get("call_id")) or text(fields.get("id")))
    elif kind in _RESULTS:
        if not isinstance(fields.get("call_id"), str):
            checks.refuse("invalid_type", f"{path}.call_id", "the id of the call that this is the result of")
        if not isinstance(fields.get("output"), str):
            checks.objects(f"{path}.output", fields.get("output"), "a string or an array of objects")


def _check_tools(tools: Any) -> None:
    if tools is None:
        return
    checks.objects("tools", tools, "an array of objects")
    for index, tool in enumerate(tools):
        kind = tool.get("type")
        # A tool that the provider runs has a type, and need not have a name.
        if not isinstance(kind, str) or (kind in _NAMED and not isinstance(tool.get("name"), str)):
            checks.refuse("invalid_tool", f"tools[{index}]", "a tool with a type, and a name if it is a function")
