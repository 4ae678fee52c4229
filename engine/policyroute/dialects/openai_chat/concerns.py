"""OpenAI Chat Completions: what in a body each trait is about.

Rule of this module: as in `dialects.concerns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.dialects.concerns import Concerns, always, held, last_is, odd_ids, odd_names, other_effort, says
from policyroute.dialects.shapes import items, obj

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "penalties": ("logit_bias",),
    "logprobs": ("logprobs", "top_logprobs", "logit_bias"),
    "reasoning": ("reasoning",),
}
"""Fields of an `extra` that no target takes without the trait."""

_FORMAT: Final = says("response_format")
_SAMPLING: Final = says("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "logprobs")
_SEED: Final = says("seed", "random_seed")
_LIMITS: Final = ("max_tokens", "max_completion_tokens")


def _schema(data: dict[str, Any], traits: Traits) -> bool:
    return _FORMAT(data, traits) or "functions" in data or held(items(data.get("tools")), traits)


def _names(data: dict[str, Any], traits: Traits) -> bool:
    return "functions" in data or odd_names(items(data.get("tools")), traits)


def _ids(data: dict[str, Any], traits: Traits) -> bool:
    messages = data["messages"]
    called = (obj(call).get("id") for message in messages for call in items(message.get("tool_calls")))
    return odd_ids(called, traits) or odd_ids((message.get("tool_call_id") for message in messages), traits)


def _developer(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return any(message["role"] == "developer" for message in data["messages"])


def _in_parts(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return any(isinstance(message.get("content"), list) for message in data["messages"])


def _begun(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return last_is(data["messages"], "assistant", "system", "developer")


def _thinking(data: dict[str, Any], traits: Traits) -> bool:
    return "reasoning" in data or other_effort(data.get("reasoning_effort"), traits)


def _too_hot(data: dict[str, Any], traits: Traits) -> bool:
    return (data.get("temperature") or 0) > traits.temperature_max


def _stops(data: dict[str, Any], traits: Traits) -> bool:
    stop = data.get("stop")
    return bool(stop) and (traits.stop_max < 1 or len(items(stop)) > traits.stop_max)


def _other_limit(data: dict[str, Any], traits: Traits) -> bool:
    return any(name in data for name in _LIMITS if name != traits.max_tokens_name)


CONCERNS: Final[Concerns] = {
    "tool_choice": says("tool_choice", "function_call"),
    "parallel_tools": says("parallel_tool_calls"),
    "tool_name_max": _names,
    "json_object": _FORMAT,
    "json_schema": _FORMAT,
    "tools_with_schema": _FORMAT,
    "schema": _schema,
    "image_urls": _in_parts,
    "system": always,
    "mid_system": always,
    "developer": _developer,
    "user_last": _begun,
    "alternate": always,
    "call_id": _ids,
    "reasoning_echo": always,
    "reasoning": _thinking,
    "efforts": _thinking,
    "adaptive": _thinking,
    "off_name": says("reasoning_effort"),
    "sampling": _SAMPLING,
    "sampling_reasoning": _SAMPLING,
    "temperature_max": _too_hot,
    "penalties": says("presence_penalty", "frequency_penalty", *BESIDE["penalties"]),
    "seed": _SEED,
    "seed_name": _SEED,
    "logprobs": says(*BESIDE["logprobs"]),
    "n": says("n"),
    "stop_max": _stops,
    "max_tokens_name": _other_limit,
    "max_tokens_needed": always,
}
