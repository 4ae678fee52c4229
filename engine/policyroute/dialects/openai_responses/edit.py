"""OpenAI Responses: what a policy's `transform` changes, by ModelRequest's field names.

Rule of this module: nothing given is changed. A field that the API has no word for is left out rather than guessed at;
docs/dialects.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from policyroute.dialects.edits import Place, added, at, dropped, put
from policyroute.dialects.openai_responses.items import is_system, places, spoken
from policyroute.dialects.shapes import items, obj, without

_PLACES: Final[dict[str, Place]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "max_tokens": ("max_output_tokens",),
    "tool_choice": ("tool_choice",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "reasoning_effort": ("reasoning", "effort"),
    "response_format": ("text", "format"),
    "metadata": ("metadata",),
    "user": ("user",),
}
"""Where the fields stand that the API has words for."""
_MODES: Final[frozenset[str]] = frozenset({"auto", "none", "required"})
_PART: Final = "input_text"


class ResponsesEditor:
    """The `Editor` of `openai_responses`. Has no state."""

    def has(self, data: dict[str, Any], field: str) -> bool:
        return field in _PLACES and at(data, _PLACES[field]) is not None

    def put(self, data: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
        return put(data, _PLACES[field], _spelled(field, value)) if field in _PLACES else data

    def drop(self, data: dict[str, Any], field: str) -> dict[str, Any]:
        return dropped(data, _PLACES[field]) if field in _PLACES else data

    def system(
        self, data: dict[str, Any], *, prepend: str | None, append: str | None, replace: str | None
    ) -> dict[str, Any]:
        """What is put before goes to the `instructions`, which come first; what is put after, to the last of the system
        messages that the input opens with. Those in the middle stay as they are, so that a longer conversation begins
        with the same bytes; what replaces takes their place too."""
        if replace is not None:
            data = {**_without_system(data), "instructions": replace}
        if prepend:
            data = {**data, "instructions": added(data.get("instructions"), prepend, before=True)}
        if append:
            data = _appended(data, append)
        return data if data.get("instructions") else without(data, "instructions")

    def rewrite(self, data: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
        said: dict[str, Any] = {name: data[name] for name in ("input", "prompt") if name in data}
        changed = {**data, **deepcopy(said)}
        for holder, key in spoken(changed):
            for place, name in places(holder, key):
                place[name] = change(place[name])
        return changed


def _spelled(field: str, value: Any) -> Any:
    """A value of the neutral fields, as this dialect spells it: nothing is nested in what names its type."""
    if field == "tool_choice" and value not in _MODES:
        return {"type": "function", "name": value}
    if field == "response_format" and obj(value).get("type") == "json_schema":
        inner = obj(value.get("json_schema")) or value
        return {"name": "answer", **inner, "type": "json_schema"}
    return value


def _without_system(data: dict[str, Any]) -> dict[str, Any]:
    given = items(data.get("input"))
    return {**data, "input": [item for item in given if not is_system(item)]} if given else data


def _appended(data: dict[str, Any], said: str) -> dict[str, Any]:
    given: list[Any] = list(items(data.get("input")))
    opening = next((n for n, item in enumerate(given) if not is_system(item)), len(given))
    if not opening:
        return {**data, "instructions": added(data.get("instructions"), said, before=False)}
    last = given[opening - 1]
    given[opening - 1] = {**last, "content": added(last.get("content"), said, before=False, part=_PART)}
    return {**data, "input": given}
