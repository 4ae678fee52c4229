"""OpenAI Responses: requests that go on from an answer by its id, and what has to be known of it to do without the id.

Rule of this module: what is put before a request stands for itself. A thought is left out and no item keeps the id that
an account gave it: another account finds neither.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.openai_responses.items import given, kind_of
from policyroute.dialects.openai_responses.words import OURS
from policyroute.dialects.shapes import items, obj, text, without

_FIELD: Final = "previous_response_id"
_NAMED: Final = frozenset({"message", "function_call", "custom_tool_call"})
"""Items of an answer that need no id."""
_WHOLE: Final = frozenset({"completed", "incomplete"})


def goes_on_from(data: dict[str, Any]) -> str:
    """The id of the answer that this request goes on from; empty where there is none."""
    return text(data.get(_FIELD))


def is_ours(id: str) -> bool:
    """Whether an answer of this id was told by us, so that no provider has it."""
    return id.startswith(OURS)


def is_kept(data: dict[str, Any]) -> bool:
    """Whether the client lets the answer to this be kept: unless it says otherwise."""
    return data.get("store") is not False


def continued(data: dict[str, Any], before: list[Any]) -> dict[str, Any]:
    """The same request with `before` in it instead of the id."""
    return {**without(data, _FIELD), "input": [*before, *given(data)]}


def said(data: dict[str, Any], response: dict[str, Any]) -> list[Any] | None:
    """All items of a whole request and its answer; None where the answer is not over."""
    if response.get("status") not in _WHOLE:
        return None
    told = [_nameless(obj(item)) for item in items(response.get("output")) if kind_of(obj(item)) != "reasoning"]
    return [*given(data), *told]


def _nameless(item: dict[str, Any]) -> dict[str, Any]:
    if kind_of(item) not in _NAMED:
        return item
    return {name: value for name, value in item.items() if name not in {"id", "status"}}
