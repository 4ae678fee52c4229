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


def held(tools: Iterable[dict[str, Any]], traits: Traits) -> bool:
    """A tool is held to its schema: any is by some, else one that asks to be."""
    every = SUBSETS[traits.schema].tells
    return any(every or "strict" in tool or "strict" in obj(tool.get("function")) for tool in tools)


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


def other_effort(effort: Any, traits: Traits) -> bool:
    """Said, and not to be passed on as it is."""
    return effort is not None and not (traits.reasoning in ("effort", "effort_or_budget") and effort in traits.efforts)


def last_is(turns: Any, *roles: str) -> bool:
    given = items(turns)
    return bool(given) and obj(given[-1]).get("role") in roles
