"""How much to think, by the knob that a target has for it (`Traits.reasoning`).

Rule of this module: thinking is turned off only where that was asked for and the target can; a word or number that is
not taken becomes the next lower one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from policyroute.catalogue import Traits
from policyroute.changes import Changes
from policyroute.request.efforts import EFFORTS, effort_of, tokens_of
from policyroute.request.prompt import Prompt

AS_IT_LIKES: Final = -1
"""Tokens, where the model is to decide."""
_USUAL: Final = "high"
"""How hard models think that decide for themselves."""


def fitted(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    """The fields of the prompt that change."""
    if prompt.effort is None and prompt.thinking_tokens is None:
        return {}
    return _KNOBS[traits.reasoning](prompt, traits, changes)


def _dropped(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    del traits
    if prompt.effort != "none" and prompt.thinking_tokens != 0:
        changes.add("dropped", "reasoning_effort")
    return {"effort": None, "thinking_tokens": None}


def _as_effort(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    tokens, effort = prompt.thinking_tokens, prompt.effort
    changed: dict[str, Any] = {}
    if tokens is not None and not _may_stay(tokens, traits):
        changes.add("rewritten", "thinking_tokens", "as reasoning_effort")
        changed["thinking_tokens"] = AS_IT_LIKES if traits.adaptive and tokens > 0 else None
        if effort is None and tokens >= 0:
            effort = changed["effort"] = effort_of(tokens)
    if effort is not None and effort not in traits.efforts:
        near = _nearest(effort, traits.efforts)
        changes.add("clamped", "reasoning_effort", f"{effort} to {near or 'none said'}")
        changed["effort"] = near
    return changed


def _may_stay(tokens: int, traits: Traits) -> bool:
    """Of numbers, those that say whether to think at all are known to whoever has levels, or decides for itself."""
    if tokens == 0:
        return "none" in traits.efforts and (traits.adaptive or traits.reasoning == "level")
    return tokens == AS_IT_LIKES and traits.adaptive


def _nearest(effort: str, taken: Sequence[str]) -> str | None:
    """The next lower one that is taken, else the lowest; thinking is not turned off by this."""
    order: dict[str, int] = {name: place for place, name in enumerate(EFFORTS)}
    thinking = [name for name in taken if name != "none"]
    if effort not in order or not thinking:
        return None
    lower = [name for name in thinking if order[name] <= order[effort]]
    return lower[-1] if lower else thinking[0]


def _as_budget(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    tokens, effort = prompt.thinking_tokens, prompt.effort
    wanted = tokens_of(effort or "") if tokens is None else tokens
    if wanted == AS_IT_LIKES and not traits.adaptive:
        wanted = tokens_of(effort or _USUAL)
    if wanted == 0 and "none" not in traits.efforts:
        wanted = tokens_of(_nearest("none", traits.efforts) or "low")
    if effort is not None:
        changes.add("rewritten", "reasoning_effort", "as thinking_tokens")
    elif wanted != tokens:
        changes.add("rewritten", "thinking_tokens", str(wanted))
    changed: dict[str, Any] = {"effort": None, "thinking_tokens": wanted}
    longest = prompt.max_tokens
    if traits.max_tokens_needed and wanted != tokens and longest is not None and longest <= wanted:
        # Who must be told how long the answer may be counts the thinking into it, and takes no budget that is longer.
        changes.add("rewritten", "max_tokens", str(longest + wanted))
        changed["max_tokens"] = longest + wanted
    return {} if effort is None and wanted == tokens else changed


def _either(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    return {} if prompt.effort is None else _as_effort(replace(prompt, thinking_tokens=None), traits, changes)


_KNOBS: Final[Mapping[str, Callable[[Prompt, Traits, Changes], dict[str, Any]]]] = {
    "none": _dropped,
    "effort": _as_effort,
    "level": _as_effort,
    "budget": _as_budget,
    "effort_or_budget": _either,
}
