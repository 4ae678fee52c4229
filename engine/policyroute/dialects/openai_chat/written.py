"""OpenAI Chat Completions: tools, the choice among them and the form of an answer, as the body has them.

Rule of this module: it writes what it is given, whoever said it.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.extras import inner, joined
from policyroute.request.prompt import Choice, Format, Function

MODES: Final = {
    "auto": Choice("auto"),
    "none": Choice("none"),
    "required": Choice("required"),
    "any": Choice("required"),
}
"""Choices by name. The last is how some call the one before it."""


def tool(function: Function) -> dict[str, Any]:
    return joined({"type": "function", "function": legacy(function)}, function.extra)


def legacy(function: Function) -> dict[str, Any]:
    held: dict[str, Any] = {"name": function.name}
    if function.description:
        held["description"] = function.description
    if function.parameters is not None:
        held["parameters"] = function.parameters
    if function.strict is not None:
        held["strict"] = function.strict
    return joined(held, inner(function.extra, "function"))


def choice(wanted: Choice) -> Any:
    if not wanted.names or wanted.mode == "none":
        return wanted.mode
    named = [{"type": "function", "function": {"name": name}} for name in wanted.names]
    if wanted.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": wanted.mode, "tools": named}}


def legacy_choice(wanted: Choice) -> Any:
    return {"name": wanted.names[0]} if wanted.names else wanted.mode


def form(wanted: Format) -> dict[str, Any]:
    if wanted.type != "json_schema":
        return joined({"type": wanted.type}, wanted.extra)
    held: dict[str, Any] = {"name": wanted.name} if wanted.name else {}
    if wanted.description:
        held["description"] = wanted.description
    held["schema"] = wanted.schema
    if wanted.strict is not None:
        held["strict"] = wanted.strict
    schema = joined(held, inner(wanted.extra, "json_schema"))
    return joined({"type": "json_schema", "json_schema": schema}, wanted.extra)
