"""Gemini, the request side: refusals.

Rule of this module: a field that a policy may judge must have the type it is judged by, and stands there once, however
it is spelled.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, cast

from policyroute.dialects import checks
from policyroute.dialects.gemini.parts import is_plain, is_plain_turn
from policyroute.dialects.gemini.spelling import camel, either, key, many
from policyroute.dialects.shapes import obj, text
from policyroute.request import BadRequest

_ROLES = frozenset({"user", "model", "function"})
_TWICE = ("systemInstruction", "generationConfig", "toolConfig", "safetySettings", "cachedContent", "serviceTier")
_OF_PART = ("inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult")
_OBJECTS = "an object or an array of objects"
_CONFIG: checks.Types = {
    "temperature": checks.NUMBER,
    "topP": checks.NUMBER,
    "topK": checks.NUMBER,
    "candidateCount": checks.INTEGER,
    "maxOutputTokens": checks.INTEGER,
    "stopSequences": checks.ARRAY,
    "seed": checks.INTEGER,
    "responseMimeType": checks.STRING,
    "responseSchema": checks.OBJECT,
    "responseJsonSchema": checks.OBJECT,
    "responseModalities": checks.ARRAY,
    "thinkingConfig": checks.OBJECT,
}


def check(data: dict[str, Any]) -> None:
    """Raises BadRequest with the path of the first field that cannot be served."""
    _once("", data, _TWICE)
    contents = data.get("contents")
    if not contents:
        checks.refuse("missing_contents", "contents", "an array with at least one turn")
    called: set[str] = set()
    for index, content in enumerate(_objects("contents", contents)):
        if not is_plain_turn(content):
            path = _place("contents", contents, index)
            _check_content(path, content)
            _check_results(path, content, called)
    system = either(data, "systemInstruction")
    if system is not None:
        name = key(data, "systemInstruction")
        if not isinstance(system, dict):
            checks.refuse("invalid_type", name, "an object with `parts`")
        _check_parts(name, cast("dict[str, Any]", system))
    if data.get("tools") is not None:
        _check_tools(data["tools"])
    _check_config(data)
    settings = either(data, "safetySettings")
    if settings is not None:
        _objects(key(data, "safetySettings"), settings)


def _check_content(path: str, content: dict[str, Any]) -> None:
    role = content.get("role")
    if role is not None and role != "" and (not isinstance(role, str) or role not in _ROLES):
        checks.refuse("invalid_role", f"{path}.role", f"one of {', '.join(sorted(_ROLES))}")
    _check_parts(path, content)


def _check_results(path: str, content: dict[str, Any], called: set[str]) -> None:
    """A response has the name of a function that was called before it. Adds the names of those that are called: by a
    model, as nobody else's calls are translated."""
    parts = content.get("parts")
    for index, part in enumerate(many(parts)):
        if is_plain(part):
            continue
        if call := obj(either(part, "functionCall")):
            if content.get("role") == "model":
                called.add(text(call.get("name")))
        elif either(part, "functionResponse") is not None:
            name = obj(either(part, "functionResponse")).get("name")
            at = f"{_place(f'{path}.parts', parts, index)}.{key(part, 'functionResponse')}.name"
            checks.answers_a_call(at, name, called)


def _check_parts(path: str, content: dict[str, Any]) -> None:
    parts = content.get("parts")
    if parts is None:
        return
    for index, part in enumerate(_objects(f"{path}.parts", parts)):
        if is_plain(part):
            continue
        at = _place(f"{path}.parts", parts, index)
        _once(f"{at}.", part, _OF_PART)
        said = part.get("text")
        if said is not None and not isinstance(said, str):
            checks.refuse("invalid_type", f"{at}.text", "a string")
        for name in ("functionCall", "functionResponse"):
            called = either(part, name)
            if called is not None and not isinstance(obj(called).get("name", ""), str):
                checks.refuse("invalid_type", f"{at}.{key(part, name)}.name", "a string")


def _check_config(data: dict[str, Any]) -> None:
    for name in ("generationConfig", "toolConfig"):
        value = either(data, name)
        if value is not None and not isinstance(value, dict):
            checks.refuse("invalid_type", key(data, name), "an object")
    choice = obj(either(data, "toolConfig"))
    prefix = f"{key(data, 'toolConfig')}."
    _once(prefix, choice, ("functionCallingConfig",))
    within = f"{prefix}{key(choice, 'functionCallingConfig')}."
    _once(within, obj(either(choice, "functionCallingConfig")), ("allowedFunctionNames",))
    config = obj(either(data, "generationConfig"))
    prefix = f"{key(data, 'generationConfig')}."
    _once(prefix, config, _CONFIG)
    for name, value in config.items():
        if wanted := _CONFIG.get(camel(name)):
            checks.types({f"{prefix}{name}": value}, {f"{prefix}{name}": wanted})


def _check_tools(tools: Any) -> None:
    for index, tool in enumerate(_objects("tools", tools)):
        at = _place("tools", tools, index)
        _once(f"{at}.", tool, ("functionDeclarations",))
        declared = either(tool, "functionDeclarations")
        if declared is None:
            continue
        path = f"{at}.{key(tool, 'functionDeclarations')}"
        for number, function in enumerate(_objects(path, declared)):
            if not isinstance(function.get("name"), str):
                checks.refuse("invalid_tool", _place(path, declared, number), "a function with a name")


def _objects(path: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        checks.objects(path, value, _OBJECTS)
    return many(value)


def _place(path: str, value: Any, index: int) -> str:
    """Where the object is: one that stands alone has no number."""
    return path if isinstance(value, dict) else f"{path}[{index}]"


def _once(prefix: str, fields: dict[str, Any], names: Container[str]) -> None:
    """Parsers differ in which they take, and a provider must not read what no rule has seen."""
    for other in fields:
        if "_" in other and (name := camel(other)) in fields and name in names:
            message = f"`{prefix}{name}` and `{prefix}{other}` are the same field: send one of them."
            raise BadRequest("duplicate_field", message, param=f"{prefix}{other}")
