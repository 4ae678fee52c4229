"""Refusing a request, as every dialect does it.

Rule of this module: what is refused is named by its path, and told what it must be; it raises nothing but BadRequest.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final, NoReturn, cast

from policyroute.dialects.shapes import items
from policyroute.request import BadRequest

Wanted = tuple[type | tuple[type, ...], str]
"""The types a value may have, and what that is called."""
Types = Mapping[str, Wanted]

BOOLEAN: Final[Wanted] = (bool, "a boolean")
NUMBER: Final[Wanted] = ((int, float), "a number")
INTEGER: Final[Wanted] = (int, "an integer")
STRING: Final[Wanted] = (str, "a string")
ARRAY: Final[Wanted] = (list, "an array")
OBJECT: Final[Wanted] = (dict, "an object")


def refuse(code: str, param: str, wanted: str) -> NoReturn:
    raise BadRequest(code, f"`{param}` must be {wanted}.", param=param)


def model(data: dict[str, Any]) -> None:
    name = data.get("model")
    if not isinstance(name, str) or not name:
        refuse("missing_model" if name is None else "invalid_type", "model", "a model name")


def opening(data: dict[str, Any]) -> list[Any]:
    """The messages of a request that has a model and at least one of them."""
    model(data)
    messages = data.get("messages")
    if not isinstance(messages, list) or not messages:
        code = "missing_messages" if messages is None else "invalid_type"
        refuse(code, "messages", "an array with at least one message")
    return items(messages)


def turn(index: int, message: Any, roles: Set[str], holder: str = "messages") -> dict[str, Any]:
    """A message, in the array of the name `holder`, that is an object, of a known role, and with text or parts for its
    content, if any."""
    if not isinstance(message, dict):
        refuse("invalid_type", f"{holder}[{index}]", "an object")
    fields = cast("dict[str, Any]", message)
    role = fields.get("role")
    if not isinstance(role, str) or role not in roles:
        refuse("invalid_role", f"{holder}[{index}].role", f"one of {', '.join(sorted(roles))}")
    content = fields.get("content")
    if content is not None and not isinstance(content, str):
        objects(f"{holder}[{index}].content", content, "a string or an array of objects")
    return fields


def answers_a_call(path: str, called: Any, calls: Set[Any]) -> None:
    """A tool's result names the call that it is the result of, and that stands before it."""
    if called is not None and (not isinstance(called, str) or called not in calls):
        refuse("result_without_call", path, "that of a tool call earlier in the conversation")


def types(data: dict[str, Any], wanted: Types) -> None:
    """Whatever is given of these fields has its type; a boolean is no number."""
    for name, (kinds, words) in wanted.items():
        value = data.get(name)
        if value is not None and (not isinstance(value, kinds) or (value is True or value is False) != (kinds is bool)):
            refuse("invalid_type", name, words)


def objects(path: str, value: Any, words: str) -> None:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in items(value)):
        refuse("invalid_type", path, words)
