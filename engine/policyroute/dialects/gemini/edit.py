"""Gemini: what a policy's `transform` changes, by ModelRequest's field names.

Rule of this module: nothing given is changed. A field that the API has no word for is left out rather than guessed at;
docs/dialects.md lists them. What is written is in camelCase, and takes the place of the other spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, Final

from policyroute.dialects.gemini.parts import parts, places, spoken
from policyroute.dialects.gemini.spelling import either, settled, snake
from policyroute.dialects.shapes import obj, without

_CONFIG: Final = "generationConfig"
_CHOICE: Final = "functionCallingConfig"
_SAMPLED: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "reasoning_effort": "thinkingConfig",
}
"""Where in the generation config the fields stand that have one place there."""
_FORMAT: Final = ("responseMimeType", "responseSchema", "responseJsonSchema")
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_LEVELS: Final = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH"}


class ContentEditor:
    """The `Editor` of `gemini`. Has no state."""

    def has(self, data: dict[str, Any], field: str) -> bool:
        config = obj(either(data, _CONFIG))
        if field == "response_format":
            return any(either(config, name) is not None for name in _FORMAT)
        if field == "tool_choice":
            return either(obj(either(data, "toolConfig")), _CHOICE) is not None
        return field in _SAMPLED and either(config, _SAMPLED[field]) is not None

    def put(self, data: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
        if field == "response_format":
            return _response_format(data, value)
        if field == "tool_choice":
            return _tool_choice(data, value) if data.get("tools") else data
        if field == "reasoning_effort":
            return _config(data, {"thinkingConfig": _thinking(data, value)})
        return _config(data, {_SAMPLED[field]: value}) if field in _SAMPLED else data

    def drop(self, data: dict[str, Any], field: str) -> dict[str, Any]:
        if field == "response_format":
            return _config(data, {}, _FORMAT)
        if field == "tool_choice":
            return _choice(data, None)
        return _config(data, {}, (_SAMPLED[field],)) if field in _SAMPLED else data

    def system(
        self, data: dict[str, Any], *, prepend: str | None, append: str | None, replace: str | None
    ) -> dict[str, Any]:
        instruction = obj(either(data, "systemInstruction"))
        said: list[dict[str, Any]] = parts(instruction) if replace is None else _part(replace)
        whole = [*_part(prepend), *said, *_part(append)]
        data = settled(data, "systemInstruction")
        if not whole:
            return without(data, "systemInstruction")
        return {**data, "systemInstruction": {**instruction, "parts": whole}}

    def rewrite(self, data: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
        names = ("systemInstruction", snake("systemInstruction"), "contents")
        changed = {**data, **deepcopy({name: data[name] for name in names if name in data})}
        for content in spoken(changed):
            for part in parts(content):
                for place, at in places(part):
                    place[at] = change(place[at])
        return changed


class CountEditor(ContentEditor):
    """Of a request for nothing but a count, which not everybody takes more in than what is counted."""

    def has(self, data: dict[str, Any], field: str) -> bool:
        return False

    def put(self, data: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
        return data

    def system(
        self, data: dict[str, Any], *, prepend: str | None, append: str | None, replace: str | None
    ) -> dict[str, Any]:
        return data


def _part(said: str | None) -> list[dict[str, Any]]:
    return [{"text": said}] if said else []


def _config(data: dict[str, Any], given: dict[str, Any], gone: tuple[str, ...] = ()) -> dict[str, Any]:
    """The generation config without what is gone and with what is given, and no config at all where it is empty."""
    data = settled(data, _CONFIG)
    config = {**_left(obj(data.get(_CONFIG)), (*given, *gone)), **given}
    return {**data, _CONFIG: config} if config else without(data, _CONFIG)


def _left(fields: dict[str, Any], gone: Iterable[str]) -> dict[str, Any]:
    """Without these names, in either spelling."""
    out = {spelled for name in gone for spelled in (name, snake(name))}
    return {name: value for name, value in fields.items() if name not in out}


def _thinking(data: dict[str, Any], effort: str) -> dict[str, Any]:
    """A level and a budget exclude each other. No effort at all is no level here, but a budget of nothing."""
    now = obj(either(obj(either(data, _CONFIG)), "thinkingConfig"))
    kept = _left(now, ("thinkingLevel", "thinkingBudget"))
    return {**kept, **({"thinkingBudget": 0} if effort == "none" else {"thinkingLevel": _LEVELS[effort]})}


def _response_format(data: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    kind = value.get("type")
    if kind == "text":
        return _config(data, {}, _FORMAT)
    schema = obj(obj(value.get("json_schema")).get("schema")) or obj(value.get("schema"))
    wanted: dict[str, Any] = {"responseMimeType": "application/json"}
    if kind == "json_schema" and schema:
        wanted["responseJsonSchema"] = schema
    elif kind != "json_object":
        return data
    return _config(data, wanted, _FORMAT)


def _tool_choice(data: dict[str, Any], value: str) -> dict[str, Any]:
    mode = _MODES.get(value)
    return _choice(data, {"mode": mode} if mode else {"mode": "ANY", "allowedFunctionNames": [value]})


def _choice(data: dict[str, Any], wanted: dict[str, Any] | None) -> dict[str, Any]:
    data = settled(data, "toolConfig")
    kept = without(settled(obj(data.get("toolConfig")), _CHOICE), _CHOICE)
    config = kept if wanted is None else {**kept, _CHOICE: wanted}
    return {**data, "toolConfig": config} if config else without(data, "toolConfig")
