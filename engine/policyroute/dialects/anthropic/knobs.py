"""Anthropic Messages: how hard to think, and the form of the answer.

Rule of this module: `thinking` says whether, `output_config` how hard and in which form.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.changes import Change
from policyroute.dialects.extras import joined
from policyroute.request.prompt import Format, Prompt

_LEAST: Final = 1024
"""The API takes no smaller budget of thinking."""


def budget(prompt: Prompt) -> int:
    """The tokens that may go into thinking, 0 where no number is told."""
    asked = prompt.thinking_tokens or 0
    return max(asked, _LEAST) if asked > 0 else 0


def written(prompt: Prompt, *, own: bool) -> dict[str, Any]:
    data: dict[str, Any] = {}
    thinking = _own_thinking(prompt) if own else _thinking(prompt)
    if thinking:
        data["thinking"] = thinking
    config: dict[str, Any] = {}
    if prompt.effort and prompt.effort != "none":
        config["effort"] = "low" if prompt.effort == "minimal" else prompt.effort
    form = prompt.format
    if form is not None and form.type == "json_schema":
        if own and "output_config" in (form.extra or {}):
            data["output_format"] = _form(form, own=own)
        else:
            config["format"] = _form(form, own=own)
    return {**data, "output_config": config} if config else data


def _own_thinking(prompt: Prompt) -> dict[str, Any]:
    if prompt.thinking_tokens is None:
        return {"type": "disabled"} if prompt.effort == "none" else {}
    if prompt.thinking_tokens > 0:
        return {"type": "enabled", "budget_tokens": prompt.thinking_tokens}
    return {"type": "adaptive" if prompt.thinking_tokens else "disabled"}


def _thinking(prompt: Prompt) -> dict[str, Any]:
    tokens = budget(prompt)
    if tokens:
        return {"type": "enabled", "budget_tokens": tokens}
    if prompt.effort == "none" or prompt.thinking_tokens == 0:
        return {"type": "disabled"}
    return {"type": "adaptive"} if prompt.effort or prompt.thinking_tokens else {}


def _form(form: Format, *, own: bool) -> dict[str, Any]:
    said = {"type": "json_schema", "schema": form.schema}
    return joined(said, form.extra) if own else said


def changes(prompt: Prompt) -> list[Change]:
    found: list[Change] = []
    if prompt.effort == "minimal":
        found.append(Change("rewritten", "effort", "low"))
    if 0 < (prompt.thinking_tokens or 0) < _LEAST and budget(prompt) == _LEAST:
        found.append(Change("clamped", "thinking_tokens", str(_LEAST)))
    form = prompt.format
    if form is not None and form.type == "json_object":
        found.append(Change("dropped", "response_format"))
    if form is not None and form.description:
        found.append(Change("dropped", "response_format.description"))
    return found
