"""OpenAI Responses: what in a body each trait is about.

Rule of this module: as in `dialects.concerns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.dialects.concerns import Concerns, always, ends_with, odd_ids, says, table
from policyroute.dialects.shapes import items, obj

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {"reasoning": ("reasoning",)}
"""Fields of an `extra` that no target takes without the trait."""


def _ids(data: dict[str, Any], traits: Traits) -> bool:
    return odd_ids((obj(item).get("call_id") for item in items(data.get("input"))), traits)


def _developer(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return any(obj(item).get("role") == "developer" for item in items(data.get("input")))


CONCERNS: Final[Concerns] = table(
    form=says("text"),
    thinking=says("reasoning"),
    sampling=says("temperature", "top_p", "include", "top_logprobs"),
    tool_choice=says("tool_choice"),
    parallel_tools=says("parallel_tool_calls"),
    mid_system=always,
    developer=_developer,
    user_last=ends_with("input", "assistant", "system", "developer"),
    call_id=_ids,
    logprobs=says("include", "top_logprobs"),
    max_tokens_needed=always,
)
