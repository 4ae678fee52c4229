"""Anthropic Messages: what in a body each trait is about.

Rule of this module: as in `dialects.concerns`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.dialects.concerns import Concerns, always, held, last_is, odd_ids, odd_names, says
from policyroute.dialects.shapes import items, obj

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {"reasoning": ("thinking",)}
"""Fields of an `extra` that no target takes without the trait."""

_FORMAT: Final = says("output_config", "output_format")
_THINKING: Final = says("thinking", "output_config")
_SAMPLING: Final = says("temperature", "top_p", "top_k")


def _schema(data: dict[str, Any], traits: Traits) -> bool:
    return _FORMAT(data, traits) or held(items(data.get("tools")), traits)


def _names(data: dict[str, Any], traits: Traits) -> bool:
    return odd_names(items(data.get("tools")), traits)


def _ids(data: dict[str, Any], traits: Traits) -> bool:
    return odd_ids(_called(data), traits)


def _called(data: dict[str, Any]) -> Iterator[Any]:
    for message in data["messages"]:
        for block in items(message.get("content")):
            yield obj(block).get("id")
            yield obj(block).get("tool_use_id")


def _late_system(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return any(message["role"] == "system" for message in data["messages"])


def _begun(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return last_is(data["messages"], "assistant", "system")


def _too_hot(data: dict[str, Any], traits: Traits) -> bool:
    return (data.get("temperature") or 0) > traits.temperature_max


def _without_limit(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return data.get("max_tokens") is None


CONCERNS: Final[Concerns] = {
    "tool_choice": says("tool_choice"),
    "parallel_tools": says("tool_choice"),
    "tool_name_max": _names,
    "json_schema": _FORMAT,
    "tools_with_schema": _FORMAT,
    "schema": _schema,
    "image_urls": always,
    "system": says("system"),
    "mid_system": _late_system,
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
    "stop_max": says("stop_sequences"),
    "max_tokens_needed": _without_limit,
}
