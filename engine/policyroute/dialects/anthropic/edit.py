"""Anthropic Messages: what a policy's `transform` changes, by ModelRequest's field names.

Rule of this module: nothing given is changed. A field that the API has no word for is left out rather than guessed at;
docs/dialects.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from policyroute.dialects.anthropic.blocks import places, spoken
from policyroute.dialects.edits import Place, added, at, dropped, put
from policyroute.dialects.shapes import obj, text, without

_PLACES: Final[dict[str, Place]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "max_tokens": ("max_tokens",),
    "stop": ("stop_sequences",),
    "tool_choice": ("tool_choice",),
    "parallel_tool_calls": ("tool_choice", "disable_parallel_tool_use"),
    "reasoning_effort": ("output_config", "effort"),
    "response_format": ("output_config", "format"),
    "metadata": ("metadata",),
    "user": ("metadata", "user_id"),
}
"""Where the fields stand that the API has words for."""
_ALSO: Final = {"reasoning_effort": "thinking", "response_format": "output_format"}
"""Where else in a body the same is said."""
_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}
_HOTTEST: Final = 1.0

COUNTED: Final = frozenset({"tool_choice", "parallel_tool_calls", "reasoning_effort", "response_format"})
"""The fields that a request for a count may have."""


class MessagesEditor:
    """The `Editor` of `anthropic`. Has no state but the fields that it writes."""

    def __init__(self, fields: frozenset[str] = frozenset(_PLACES)) -> None:
        self._fields = fields

    def has(self, data: dict[str, Any], field: str) -> bool:
        if field not in self._fields:
            return False
        return at(data, _PLACES[field]) is not None or data.get(_ALSO.get(field, "")) is not None

    def put(self, data: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
        if field not in self._fields:
            return data
        special = _SPECIAL.get(field)
        return special(data, value) if special else put(data, _PLACES[field], value)

    def drop(self, data: dict[str, Any], field: str) -> dict[str, Any]:
        if field not in self._fields:
            return data
        return without(dropped(data, _PLACES[field]), _ALSO.get(field, ""))

    def system(
        self, data: dict[str, Any], *, prepend: str | None, append: str | None, replace: str | None
    ) -> dict[str, Any]:
        """What is put before or after goes to the `system` of the whole; what replaces takes the place of that in the
        middle of a conversation too."""
        system = data.get("system")
        if replace is not None:
            system = replace
            data = {**data, "messages": [each for each in data["messages"] if each["role"] != "system"]}
        for said, before in ((prepend, True), (append, False)):
            if said:
                system = added(system, said, before=before)
        return {**data, "system": system} if system else without(data, "system")

    def rewrite(self, data: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
        said: dict[str, Any] = {name: data[name] for name in ("system", "messages") if name in data}
        changed = {**data, **deepcopy(said)}
        for holder, key in spoken(changed):
            for place, name in places(holder, key):
                place[name] = change(place[name])
        return changed


def _temperature(data: dict[str, Any], value: Any) -> dict[str, Any]:
    return {**data, "temperature": min(value, _HOTTEST)}


def _tool_choice(data: dict[str, Any], value: str) -> dict[str, Any]:
    """Without tools there is nothing to choose, and the API refuses a choice."""
    if not data.get("tools"):
        return data
    kept = {name: flag for name, flag in obj(data.get("tool_choice")).items() if name == "disable_parallel_tool_use"}
    kind = _CHOICES.get(value)
    if kind == "none":
        return {**data, "tool_choice": {"type": "none"}}
    return {**data, "tool_choice": {**kept, **({"type": kind} if kind else {"type": "tool", "name": value})}}


def _parallel(data: dict[str, Any], value: bool) -> dict[str, Any]:
    choice = obj(data.get("tool_choice")) or {"type": "auto"}
    if not data.get("tools") or choice.get("type") == "none":
        return data
    return {**data, "tool_choice": {**choice, "disable_parallel_tool_use": not value}}


def _effort(data: dict[str, Any], value: str) -> dict[str, Any]:
    """No effort at all is not an effort here, but no thinking."""
    if value == "none":
        return {**dropped(data, _PLACES["reasoning_effort"]), "thinking": {"type": "disabled"}}
    return put(data, _PLACES["reasoning_effort"], "low" if value == "minimal" else value)


def _response_format(data: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """JSON without a schema cannot be asked for."""
    kind = value.get("type")
    plain = without(data, "output_format")
    if kind == "text":
        return dropped(plain, _PLACES["response_format"])
    schema = obj(obj(value.get("json_schema")).get("schema")) or obj(value.get("schema"))
    if kind != "json_schema" or not schema:
        return data
    return put(plain, _PLACES["response_format"], {"type": "json_schema", "schema": schema})


def _metadata(data: dict[str, Any], value: dict[str, str]) -> dict[str, Any]:
    """The API knows of the user and refuses anything else."""
    user = text(value.get("user_id"))
    return {**data, "metadata": {"user_id": user}} if user else without(data, "metadata")


_SPECIAL: Final[dict[str, Callable[[dict[str, Any], Any], dict[str, Any]]]] = {
    "temperature": _temperature,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _parallel,
    "reasoning_effort": _effort,
    "response_format": _response_format,
    "metadata": _metadata,
}
