"""Gemini: how a model is to answer, as the generation config says it.

Rule of this module: as in `write`. Of effort and a budget for thinking Gemini takes one: where both are asked for it is
the effort.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.changes import Changes
from policyroute.dialects.gemini.prompt import COUNTS, JSON, NUMBERS
from policyroute.request.prompt import Format, Prompt
from policyroute.schemas import Told

_LEVELS: Final = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_CAPPED: Final = ("xhigh", "max")


def written_config(prompt: Prompt, own: bool, changes: Changes) -> dict[str, Any]:
    config: dict[str, Any] = {
        name: value
        for field, name in [*NUMBERS.items(), *COUNTS.items()]
        if (value := getattr(prompt, field)) is not None
    }
    if prompt.stop:
        config["stopSequences"] = list(prompt.stop)
    if prompt.logprobs is not None:
        config["responseLogprobs"] = True
        if prompt.logprobs:
            config["logprobs"] = prompt.logprobs
    if prompt.modalities:
        config["responseModalities"] = [each.upper() for each in prompt.modalities]
    if prompt.format is not None:
        config |= _format(prompt.format)
    thinking = _as_read(prompt) if own else _thinking(prompt, changes)
    if thinking:
        config["thinkingConfig"] = thinking
    if prompt.verbosity:
        changes.add("dropped", "verbosity")
    return config


def _format(wanted: Format) -> dict[str, Any]:
    if wanted.type == "text":
        return {"responseMimeType": "text/plain"}
    said: dict[str, Any] = {"responseMimeType": JSON}
    if wanted.type == "json_schema":
        told = wanted.schema
        if isinstance(told, Told):
            said["responseSchema"] = told.words
        else:
            said["responseJsonSchema"] = told
    return said


def _as_read(prompt: Prompt) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if prompt.effort is not None:
        said["thinkingLevel"] = prompt.effort.upper()
    if prompt.thinking_tokens is not None:
        said["thinkingBudget"] = prompt.thinking_tokens
    return said


def _thinking(prompt: Prompt, changes: Changes) -> dict[str, Any]:
    """No effort at all is no level here, but a budget of nothing. Whoever gives a budget is told the thoughts."""
    effort, budget = prompt.effort, prompt.thinking_tokens
    said: dict[str, Any] = {}
    if effort in _LEVELS:
        said["thinkingLevel"] = _LEVELS[effort]
        if effort in _CAPPED:
            changes.add("clamped", "effort", "high")
        if budget is not None and budget > 0:
            changes.add("dropped", "thinking_tokens")
    elif effort == "none":
        said["thinkingBudget"] = 0
    elif effort is not None:
        changes.add("dropped", "effort")
    elif budget is not None:
        said["thinkingBudget"] = budget
    if budget and effort != "none":
        said["includeThoughts"] = True
    return said
