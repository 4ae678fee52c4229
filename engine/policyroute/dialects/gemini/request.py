"""Gemini, the request side: what a body says, and what its path does.

Rule of this module: nothing is refused here but a request without a model; `check` comes first. A function's response
is a turn of the tool, though it stands in one of the user's, so that rules read the same of every dialect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from policyroute.absent import ABSENT, Absent
from policyroute.dialects.conversation import up_to
from policyroute.dialects.gemini.check import check
from policyroute.dialects.gemini.parts import is_plain_turn, media, parts, places, spoken, text_of
from policyroute.dialects.gemini.schema import standard
from policyroute.dialects.gemini.spelling import camel, either, key, many
from policyroute.dialects.shapes import compact, has_words, items, obj, text, utf8_length
from policyroute.request import BadRequest, Message, ResponseFormat, Tool, ToolCall

_CALLED: Final = re.compile(r"(?:.*?/v1(?:beta|alpha)?(?=/))?.*?/(?:models|(tunedModels))/(.+?)(?::(\w+))?", re.DOTALL)
_STREAMED: Final = "streamGenerateContent"
_JSON: Final = "application/json"
_WHOLE: Final = "generateContentRequest"
"""Where a request to be counted may stand as a whole."""
_UPLOADED: Final = re.compile(r"(?:^|/v1\w*/)files/[^/]+$")
"""Where the Files API keeps what was uploaded."""
_READ: Final = frozenset({"temperature", "maxOutputTokens", "responseMimeType", "responseSchema", "responseJsonSchema"})
"""Of the generation config: what has a name of ours."""
_BESIDE: Final = ("safetySettings", "cachedContent", "serviceTier")
_MODES: Final = {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}
_ROLES: Final = {"model": "assistant", "function": "tool"}


class ContentRequests:
    """The `RequestReader` of `gemini`. Has no state."""

    def check(self, data: dict[str, Any]) -> None:
        check(data)

    def model(self, data: dict[str, Any], path: str) -> str:
        """The path names it. Where there is no path, as in a library, the body may."""
        found = _CALLED.fullmatch(path)
        if found:
            return f"tunedModels/{found[2]}" if found[1] else found[2]
        name = text(data.get("model")).removeprefix("models/")
        if not name:
            raise BadRequest("missing_model", "The path must name a model: `/v1beta/models/NAME:generateContent`.")
        return name

    def stream(self, data: dict[str, Any], path: str) -> bool:
        found = _CALLED.fullmatch(path)
        return found is not None and found[3] == _STREAMED

    def messages(self, data: dict[str, Any]) -> tuple[Message, ...]:
        said = text_of([part for content in many(either(data, "systemInstruction")) for part in parts(content)])
        system = [Message("system", said)] if said else []
        return (*system, *[turn for content in many(data["contents"]) for turn in _turns(content)])

    def tools(self, data: dict[str, Any]) -> tuple[Tool, ...]:
        return tuple(found for tool in many(data.get("tools")) for found in _tools(tool))

    def tool_choice(self, data: dict[str, Any]) -> str | Absent:
        choice = obj(either(obj(either(data, "toolConfig")), "functionCallingConfig"))
        kind = _MODES.get(text(choice.get("mode")).upper())
        allowed = [name for name in items(either(choice, "allowedFunctionNames")) if isinstance(name, str)]
        if kind == "required" and len(allowed) == 1:
            return allowed[0]
        return kind or ABSENT

    def response_format(self, data: dict[str, Any]) -> ResponseFormat | Absent:
        config = _config(data)
        kind = text(either(config, "responseMimeType"))
        schema = obj(either(config, "responseJsonSchema")) or standard(obj(either(config, "responseSchema")))
        if kind == _JSON:
            return ResponseFormat("json_schema" if schema else "json_object", schema)
        return ResponseFormat("text", {}) if kind else ABSENT

    def max_tokens(self, data: dict[str, Any]) -> int | Absent:
        value = either(_config(data), "maxOutputTokens")
        return ABSENT if value is None else int(value)

    def temperature(self, data: dict[str, Any]) -> float | Absent:
        value = _config(data).get("temperature")
        return ABSENT if value is None else float(value)

    def params(self, data: dict[str, Any]) -> dict[str, Any]:
        """Under their names in camelCase, whichever way they were spelled."""
        config = {camel(name): value for name, value in _config(data).items() if value is not None}
        found = {name: value for name, value in config.items() if name not in _READ}
        return found | {name: value for name in _BESIDE if (value := either(data, name)) is not None}

    def speaks(self, data: dict[str, Any]) -> bool:
        return has_words(obj(many(data.get("contents"))[-1]).get("parts"), "functionResponse")

    def modalities(self, data: dict[str, Any]) -> tuple[str, ...]:
        given = {kind for content in spoken(data) for kind in media(parts(content))}
        wanted = {text(name).lower() for name in items(either(_config(data), "responseModalities"))}
        return tuple(sorted({"text", *given, *(wanted & {"image", "audio", "video"})}))

    def kept(self, data: dict[str, Any]) -> str:
        """Caches and uploaded files are an account's own; other addresses may be anybody's."""
        if either(data, "cachedContent") is not None:
            return key(data, "cachedContent")
        told = (content for content in spoken(data) if not is_plain_turn(content))
        files = (obj(either(part, "fileData")) for content in told for part in parts(content))
        found = next((file for file in files if _UPLOADED.search(text(either(file, "fileUri")))), None)
        return "" if found is None else key(found, "fileUri")

    def session(self, data: dict[str, Any]) -> str:
        return ""

    def steps(self, data: dict[str, Any], most: int) -> int:
        return up_to(most, (obj(content).get("role") == "model" for content in many(data["contents"])))

    def metadata(self, data: dict[str, Any]) -> dict[str, str]:
        return {name: value for name, value in obj(data.get("labels")).items() if isinstance(value, str)}

    def prompt_bytes(self, data: dict[str, Any]) -> int:
        said = sum(map(utf8_length, _texts(data)))
        wanted = self.response_format(data)
        declared: list[Any] = [*many(data.get("tools"))]
        if not isinstance(wanted, Absent) and wanted.schema:
            declared.append(wanted.schema)
        return said + (len(orjson.dumps(declared)) if declared else 0)


class CountRequests(ContentRequests):
    """The same of a request for nothing but a count, which is never streamed."""

    def check(self, data: dict[str, Any]) -> None:
        if either(data, _WHOLE) is not None:
            message = f"`{key(data, _WHOLE)}` is not read here: put its `contents` at the top."
            raise BadRequest("unsupported_field", message, param=key(data, _WHOLE))
        check(data)

    def stream(self, data: dict[str, Any], path: str) -> bool:
        return False


def _config(data: dict[str, Any]) -> dict[str, Any]:
    return obj(either(data, "generationConfig"))


def _turns(content: dict[str, Any]) -> list[Message]:
    found = parts(content)
    results = [part for part in found if either(part, "functionResponse") is not None]
    turns = [Message("tool", text_of([part]), has_image="image" in media([part])) for part in results]
    rest = [part for part in found if either(part, "functionResponse") is None]
    if rest or not results:
        role = _ROLES.get(text(content.get("role")), "user")
        calls = tuple(_call(called) for part in rest if (called := obj(either(part, "functionCall"))))
        turns.append(Message(role, text_of(rest), calls, "image" in media(rest)))
    return turns


def _call(called: dict[str, Any]) -> ToolCall:
    return ToolCall(text(called.get("id")), text(called.get("name")), compact(obj(called.get("args"))))


def _tools(tool: dict[str, Any]) -> Iterator[Tool]:
    """One object may declare many functions, and beside them what the provider runs itself."""
    for name, value in tool.items():
        if camel(name) == "functionDeclarations":
            for function in many(value):
                yield Tool(text(function.get("name")), text(function.get("description")))
        elif value is not None:
            yield Tool(camel(name), "")


def _texts(data: dict[str, Any]) -> Iterator[str]:
    """Everything that is said, as a tokenizer would see it: calls and thoughts too."""
    for content in spoken(data):
        for part in parts(content):
            yield from (place[at] for place, at in places(part))
            if part.get("thought") is True:
                yield text(part.get("text"))
            called = obj(either(part, "functionCall"))
            if called:
                yield text(called.get("name"))
                yield compact(obj(called.get("args")))
