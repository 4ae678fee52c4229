"""Gemini: what in a body each trait is about.

Rule of this module: as in `dialects.concerns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.dialects.concerns import Concern, Concerns, odd_ids, odd_names, table
from policyroute.dialects.gemini.parts import parts, spoken
from policyroute.dialects.gemini.spelling import either, many
from policyroute.dialects.shapes import obj

BESIDE: Final[Mapping[str, tuple[str, ...]]] = {"reasoning": ("generationConfig.thinkingConfig.includeThoughts",)}
"""Fields of an `extra` that no target takes without the trait."""


def _says(name: str) -> Concern:
    return lambda data, traits: either(data, name) is not None


def _configured(*names: str) -> Concern:
    """One of these is a field of the generation config."""

    def concern(data: dict[str, Any], traits: Traits) -> bool:
        del traits
        config = _config(data)
        return any(either(config, name) is not None for name in names)

    return concern


def _config(data: dict[str, Any]) -> dict[str, Any]:
    return obj(either(data, "generationConfig"))


_FORMAT: Final = _configured("responseMimeType", "responseSchema", "responseJsonSchema")


def _schema(data: dict[str, Any], traits: Traits) -> bool:
    """Here every tool is held to its own."""
    return "tools" in data or _FORMAT(data, traits)


def _names(data: dict[str, Any], traits: Traits) -> bool:
    tools = many(data.get("tools"))
    return any(odd_names(many(either(tool, "functionDeclarations")), traits) for tool in tools)


def _ids(data: dict[str, Any], traits: Traits) -> bool:
    called = (
        obj(either(part, name)).get("id")
        for content in spoken(data)
        for part in parts(content)
        for name in ("functionCall", "functionResponse")
    )
    return odd_ids(called, traits)


def _begun(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    given = many(data.get("contents"))
    return bool(given) and given[-1].get("role") == "model"


def _without_limit(data: dict[str, Any], traits: Traits) -> bool:
    del traits
    return either(_config(data), "maxOutputTokens") is None


def _too_hot(data: dict[str, Any], traits: Traits) -> bool:
    return (_config(data).get("temperature") or 0) > traits.temperature_max


CONCERNS: Final[Concerns] = table(
    form=_FORMAT,
    thinking=_configured("thinkingConfig"),
    sampling=_configured("temperature", "topP", "topK", "presencePenalty", "frequencyPenalty", "responseLogprobs"),
    tool_choice=_says("toolConfig"),
    tool_name_max=_names,
    schema=_schema,
    system=_says("systemInstruction"),
    user_last=_begun,
    call_id=_ids,
    temperature_max=_too_hot,
    penalties=_configured("presencePenalty", "frequencyPenalty"),
    seed=_configured("seed"),
    logprobs=_configured("responseLogprobs", "logprobs"),
    n=_configured("candidateCount"),
    stop_max=_configured("stopSequences"),
    max_tokens_needed=_without_limit,
)
