"""OpenAI Responses: what in a body each trait is about.

Rule of this module: as in `dialects.concerns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.dialects.concerns import Concerns, always, held, last_is, odd_ids, odd_names, says
from policyroute.dialects.shapes import items, obj

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {"reasoning": ("reasoning",)}
"""Fields of an `extra` that no target takes without the trait."""

_FORMAT: Final = says("text")
_THINKING: Final = says("reasoning")
_SAMPLING: Final = says("temperature", "top_p", "include", "top_logprobs")


def _schema(data: dict[str, Any], traits: Traits) -> bool:
    return _FORMAT(data, traits) or held(items(data.get("tools")), traits)


def _names(data: dict[str, Any], traits: Traits) -> bool:
    return odd_names(items(data.get("tools")), traits)


def _ids(data: dict[str, Any], traits: Traits) -> bool:
    return odd_ids((obj(item).get("call_id") for item in items(data.get("input"))), traits)


def _developer(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return any(obj(item).get("role") == "developer" for item in items(data.get("input")))


def _begun(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return last_is(data.get("input"), "assistant", "system", "developer")


def _too_hot(data: dict[str, Any], traits: Traits) -> bool:
    return (data.get("temperature") or 0) > traits.temperature_max


CONCERNS: Final[Concerns] = {
    "tool_choice": says("tool_choice"),
    "parallel_tools": says("parallel_tool_calls"),
    "tool_name_max": _names,
    "json_object": _FORMAT,
    "json_schema": _FORMAT,
    "tools_with_schema": _FORMAT,
    "schema": _schema,
    "image_urls": always,
    "system": always,
    "mid_system": always,
    "developer": _developer,
    "user_last": _begun,
    "alternate": always,
    "call_id": _ids,
    "reasoning_echo": always,
    "reasoning": _THINKING,
    "efforts": _THINKING,
    "adaptive": _THINKING,
    "sampling": _SAMPLING,
    "sampling_reasoning": _SAMPLING,
    "temperature_max": _too_hot,
    "logprobs": says("include", "top_logprobs"),
    "max_tokens_needed": always,
}
