"""Whether a body says anything that a target may not take, so that most bodies need not be read to be sent on.

Rule of this module: quick, and never no where the answer is yes. A target without tools or without a kind of media is
no candidate for a request that has them: nothing asks for those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.dialects.shapes import items, obj
from policyroute.schemas import SUBSETS

Concern = Callable[[dict[str, Any], Traits], bool]
"""Of a checked body in its own dialect and of what a target takes: whether they may not go together."""

Concerns = Mapping[str, Concern]
"""By the name of the trait."""

_LONG: Final = 40
"""What every rule for the ids of calls takes, but for the one of nine characters, if it is a word."""
_WORD: Final = re.compile(r"[A-Za-z0-9_-]+")


def always(data: dict[str, Any], traits: Traits) -> bool:
    del data, traits
    return True


def says(*names: str) -> Concern:
    """One of these is a field of the body."""
    fields = frozenset(names)
    return lambda data, traits: not fields.isdisjoint(data)


def too_hot(data: dict[str, Any], traits: Traits) -> bool:
    return (data.get("temperature") or 0) > traits.temperature_max


def tool_names(data: dict[str, Any], traits: Traits) -> bool:
    return odd_names(items(data.get("tools")), traits)


def held_to(form: Concern) -> Concern:
    """The answer is to have a form, or a tool is held to its schema: any is by some targets, else one that asks to
    be."""

    def concern(data: dict[str, Any], traits: Traits) -> bool:
        every = SUBSETS[traits.schema].tells
        tools = items(data.get("tools"))
        return form(data, traits) or any(
            every or "strict" in each or "strict" in obj(each.get("function")) for each in tools
        )

    return concern


def ends_with(turns: str, *roles: str) -> Concern:
    """The last turn is of one of these roles."""

    def concern(data: dict[str, Any], traits: Traits) -> bool:
        del traits
        given = items(data.get(turns))
        return bool(given) and obj(given[-1]).get("role") in roles

    return concern


def odd_names(tools: Iterable[dict[str, Any]], traits: Traits) -> bool:
    return any(len(name) > traits.tool_name_max or _WORD.fullmatch(name) is None for name in map(_name, tools))


def _name(tool: dict[str, Any]) -> str:
    """What is no function has any."""
    name = tool.get("name") or obj(tool.get("function")).get("name")
    return name if isinstance(name, str) else "_"


def odd_ids(ids: Iterable[Any], traits: Traits) -> bool:
    if traits.call_id == "nine":
        return True
    return any(len(each) > _LONG or _WORD.fullmatch(each) is None for each in ids if isinstance(each, str) and each)


def table(*, form: Concern, thinking: Concern, sampling: Concern, **more: Concern) -> Concerns:
    """Of a dialect: what every one has, and its own."""
    return {
        **dict.fromkeys(("json_object", "json_schema", "tools_with_schema"), form),
        **dict.fromkeys(("reasoning", "efforts", "adaptive"), thinking),
        **dict.fromkeys(("sampling", "sampling_reasoning"), sampling),
        **dict.fromkeys(("image_urls", "system", "alternate", "reasoning_echo", "signed_thoughts"), always),
        "schema": held_to(form),
        "tool_name_max": tool_names,
        "temperature_max": too_hot,
        **more,
    }
