"""OpenAI Responses: tools, the choice among them and the form of an answer, as the body has them.

Rule of this module: it writes what it is given, whoever said it. Nothing is nested in what names its type.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.extras import changed
from policyroute.request.prompt import Choice, Format, Function

MODES: Final = {"auto": Choice("auto"), "none": Choice("none"), "required": Choice("required")}


def tool(function: Function) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "function", "name": function.name}
    if function.description:
        said["description"] = function.description
    if function.parameters is not None:
        said["parameters"] = function.parameters
    if function.strict is not None:
        said["strict"] = function.strict
    return changed(said, function.extra)


def choice(wanted: Choice) -> Any:
    if not wanted.names or wanted.mode == "none":
        return wanted.mode
    named = [{"type": "function", "name": name} for name in wanted.names]
    if wanted.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": wanted.mode, "tools": named}


def form(wanted: Format) -> dict[str, Any]:
    said: dict[str, Any] = {"type": wanted.type}
    if wanted.type == "json_schema":
        if wanted.name:
            said["name"] = wanted.name
        if wanted.description:
            said["description"] = wanted.description
        said["schema"] = wanted.schema
        if wanted.strict is not None:
            said["strict"] = wanted.strict
    return changed(said, wanted.extra)
