"""Anthropic Messages: what in a body each trait is about.

Rule of this module: as in `dialects.concerns`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.dialects.concerns import Concerns, ends_with, odd_ids, says, table
from policyroute.dialects.shapes import items, obj

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {"reasoning": ("thinking",)}
"""Fields of an `extra` that no target takes without the trait."""


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


def _unsigned(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    blocks = (obj(block) for message in data["messages"] for block in items(message.get("content")))
    return any(block.get("type") == "thinking" and not block.get("signature") for block in blocks)


def _without_limit(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return data.get("max_tokens") is None


CONCERNS: Final[Concerns] = table(
    form=says("output_config", "output_format"),
    thinking=says("thinking", "output_config"),
    sampling=says("temperature", "top_p", "top_k"),
    tool_choice=says("tool_choice"),
    parallel_tools=says("tool_choice"),
    system=says("system"),
    mid_system=_late_system,
    user_last=ends_with("messages", "assistant", "system"),
    call_id=_ids,
    stop_max=says("stop_sequences"),
    signed_thoughts=_unsigned,
    max_tokens_needed=_without_limit,
)
