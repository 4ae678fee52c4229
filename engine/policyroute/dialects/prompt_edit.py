"""What a policy's `transform` changes in a prompt that is to be written in another dialect.

Rule of this module: as the editors of the dialects, by ModelRequest's field names, and nothing given is changed. A
prompt has words for every one of them; what the provider's dialect has not is left out where it is written, and told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Literal, cast

from policyroute.dialects.shapes import obj, text
from policyroute.dialects.turns import after_opening
from policyroute.request.prompt import Choice, Format, Prompt, Refusal, Result, Text, Turn

_NAMES: Final = {
    "tool_choice": "choice",
    "parallel_tool_calls": "parallel",
    "reasoning_effort": "effort",
    "response_format": "format",
}
"""The fields that a prompt calls otherwise."""
_NOTHING: Final[dict[str, Any]] = {"stop": (), "metadata": {}, "user": ""}
"""What stands for nothing, where that is not None."""
_MODES: Final[tuple[Literal["auto", "none", "required"], ...]] = ("auto", "none", "required")


class PromptEditor:
    """An `Editor` of prompts. Has no state."""

    def has(self, data: Prompt, field: str) -> bool:
        said: object = getattr(data, _NAMES.get(field, field))
        return said != _NOTHING.get(field)

    def put(self, data: Prompt, field: str, value: Any) -> Prompt:
        spelled = _SPELLED.get(field)
        changed: dict[str, Any] = {_NAMES.get(field, field): spelled(value) if spelled else value}
        return replace(data, **changed)

    def drop(self, data: Prompt, field: str) -> Prompt:
        changed: dict[str, Any] = {_NAMES.get(field, field): _NOTHING.get(field)}
        if field == "reasoning_effort":
            changed["thinking_tokens"] = None
        return replace(data, **changed)

    def system(self, data: Prompt, *, prepend: str | None, append: str | None, replace: str | None) -> Prompt:
        turns = data.turns
        if replace is not None:
            turns = tuple(turn for turn in turns if turn.role != "system")
        for first in (replace, prepend):
            if first:
                turns = (Turn("system", (Text(first),)), *turns)
        return _with(data, after_opening(turns, append) if append else turns)

    def rewrite(self, data: Prompt, change: Callable[[str], str]) -> Prompt:
        return _with(data, tuple(_rewritten(turn, change) for turn in data.turns))


def _with(prompt: Prompt, turns: tuple[Turn, ...]) -> Prompt:
    return replace(prompt, turns=turns)


def _rewritten(turn: Turn, change: Callable[[str], str]) -> Turn:
    return replace(turn, parts=tuple(_part(part, change) for part in turn.parts))


def _part(part: Any, change: Callable[[str], str]) -> Any:
    """Calls and thoughts stay: a changed thought would not be taken back."""
    if isinstance(part, Text | Refusal):
        return replace(part, text=change(part.text))
    if isinstance(part, Result):
        return replace(part, content=tuple(_part(inner, change) for inner in part.content))
    return part


def _choice(value: str) -> Choice:
    for mode in _MODES:
        if value == mode:
            return Choice(mode)
    return Choice("required", (value,))


def _format(value: dict[str, Any]) -> Format:
    """`{type, name, schema, strict}`, or with all but the type under `json_schema`."""
    kind = cast("Literal['text', 'json_object', 'json_schema']", value.get("type", "text"))
    inner = obj(value.get("json_schema")) or value
    strict = inner.get("strict")
    return Format(
        kind,
        obj(inner.get("schema")),
        text(inner.get("name")),
        text(inner.get("description")),
        strict if isinstance(strict, bool) else None,
    )


_SPELLED: Final[dict[str, Callable[[Any], Any]]] = {
    "tool_choice": _choice,
    "response_format": _format,
    "stop": tuple,
}
