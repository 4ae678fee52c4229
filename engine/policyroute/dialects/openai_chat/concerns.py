"""OpenAI Chat Completions: what in a body each trait is about.

Rule of this module: as in `dialects.concerns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.dialects.concerns import Concerns, always, ends_with, odd_ids, says, table, tool_names
from policyroute.dialects.shapes import items, obj

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "penalties": ("logit_bias",),
    "logprobs": ("logprobs", "top_logprobs", "logit_bias"),
    "reasoning": ("reasoning",),
}
"""Fields of an `extra` that no target takes without the trait."""

_SEED: Final = says("seed", "random_seed")
_LIMITS: Final = ("max_tokens", "max_completion_tokens")


def _names(data: dict[str, Any], traits: Traits) -> bool:
    return "functions" in data or tool_names(data, traits)


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


def _thinking(data: dict[str, Any], traits: Traits) -> bool:
    effort = data.get("reasoning_effort")
    as_it_is = traits.reasoning in ("effort", "effort_or_budget") and effort in traits.efforts
    return "reasoning" in data or (effort is not None and not as_it_is)


def _stops(data: dict[str, Any], traits: Traits) -> bool:
    stop = data.get("stop")
    return bool(stop) and (traits.stop_max < 1 or len(items(stop)) > traits.stop_max)


def _other_limit(data: dict[str, Any], traits: Traits) -> bool:
    return any(name in data for name in _LIMITS if name != traits.max_tokens_name)


CONCERNS: Final[Concerns] = table(
    form=says("response_format", "functions"),
    thinking=_thinking,
    sampling=says("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "logprobs"),
    tool_choice=says("tool_choice", "function_call"),
    parallel_tools=says("parallel_tool_calls"),
    tool_name_max=_names,
    image_urls=_in_parts,
    mid_system=always,
    developer=_developer,
    user_last=ends_with("messages", "assistant", "system", "developer"),
    call_id=_ids,
    off_name=says("reasoning_effort"),
    penalties=says("presence_penalty", "frequency_penalty", *BESIDE["penalties"]),
    seed=_SEED,
    seed_name=_SEED,
    logprobs=says(*BESIDE["logprobs"]),
    n=says("n"),
    stop_max=_stops,
    max_tokens_name=_other_limit,
    max_tokens_needed=always,
)
