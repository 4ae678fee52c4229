"""Sampling, thinking and the other knobs of a request, as a target has them.

Rule of this module: a number out of range is taken to the range's end; what there is no knob for is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from policyroute.catalogue import EFFORTS, Traits
from policyroute.changes import Changes
from policyroute.request.prompt import Prompt

_SAMPLING: Final = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "logprobs")
_PENALTIES: Final = ("presence_penalty", "frequency_penalty")

_LATER: Final = ("batch", "flex")
"""Tiers that answer when there is room: cheap, and nothing for whoever waits."""

_BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32768}
"""Tokens of thinking that an effort stands for where only tokens can be said; the steps are ours."""


def fitted(prompt: Prompt, traits: Traits, changes: Changes, *, interactive: bool) -> Prompt:
    changed: dict[str, Any] = {}
    for name in _without(prompt, traits):
        if getattr(prompt, name) is not None:
            changes.add("dropped", name)
            changed[name] = None
    hottest = traits.temperature_max
    if prompt.temperature is not None and "temperature" not in changed and prompt.temperature > hottest:
        changes.add("clamped", "temperature", f"{prompt.temperature:g} to {hottest:g}")
        changed["temperature"] = hottest
    if prompt.n is not None and prompt.n > 1 and not traits.n:
        changes.add("dropped", "n", str(prompt.n))
        changed["n"] = None
    tier = prompt.service_tier
    if tier is not None and (not traits.service_tier or (interactive and tier in _LATER)):
        changes.add("dropped", "service_tier", tier if tier in _LATER else "")
        changed["service_tier"] = None
    changed |= _THINKING[traits.reasoning](prompt, traits, changes)
    return replace(prompt, **changed) if changed else prompt


def _without(prompt: Prompt, traits: Traits) -> tuple[str, ...]:
    """The parameters that the target does not take, or not while it thinks."""
    thinks = prompt.effort not in (None, "none") or prompt.thinking_tokens not in (None, 0)
    gone: tuple[str, ...] = () if traits.sampling and (traits.sampling_reasoning or not thinks) else _SAMPLING
    gone += () if traits.penalties else _PENALTIES
    gone += () if traits.seed else ("seed",)
    gone += () if traits.logprobs else ("logprobs",)
    return tuple(dict.fromkeys(gone))


def stopped(prompt: Prompt, traits: Traits, changes: Changes) -> tuple[Prompt, tuple[str, ...]]:
    """The prompt with as many stop sequences as the target takes, and the others: those are ours to keep."""
    if len(prompt.stop) <= traits.stop_max:
        return prompt, ()
    sent, ours = prompt.stop[: traits.stop_max], prompt.stop[traits.stop_max :]
    changes.add("moved", "stop", f"{len(ours)} of {len(prompt.stop)} are kept by the gateway")
    return replace(prompt, stop=sent), ours


def spelled(prompt: Prompt, traits: Traits, changes: Changes, *, foreign: bool) -> Prompt:
    """By the names that the target has for its fields. A client of another dialect used none of them."""
    wanted = {"max_tokens": traits.max_tokens_name, "seed": traits.seed_name}
    names: dict[str, str] = {}
    for field, name in wanted.items():
        if name != "any" and getattr(prompt, field) is not None and prompt.spelled.get(field, field) != name:
            names[field] = name
            if not foreign:
                changes.add("renamed", field, f"to {name}")
    return replace(prompt, spelled={**prompt.spelled, **names}) if names else prompt


def _dropped(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    del traits
    if prompt.effort is None and prompt.thinking_tokens is None:
        return {}
    if prompt.effort != "none" and prompt.thinking_tokens != 0:
        changes.add("dropped", "reasoning_effort")
    return {"effort": None, "thinking_tokens": None}


def _as_effort(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    tokens, effort = prompt.thinking_tokens, prompt.effort
    changed: dict[str, Any] = {}
    if tokens is not None:
        changes.add("rewritten", "thinking_tokens", "as reasoning_effort")
        changed["thinking_tokens"] = None
        if effort is None and tokens >= 0:
            effort = changed["effort"] = _effort_for(tokens)
    if effort is not None and effort not in traits.efforts:
        near = _nearest(effort, traits.efforts)
        changes.add("clamped", "reasoning_effort", f"{effort} to {near or 'none said'}")
        changed["effort"] = near
    return changed


def _effort_for(tokens: int) -> str:
    if tokens == 0:
        return "none"
    reached = [effort for effort, budget in _BUDGETS.items() if budget <= tokens]
    return reached[-1] if reached else "minimal"


def _nearest(effort: str, taken: Sequence[str]) -> str | None:
    """The next lower one that is taken, else the lowest; thinking is not turned off by this."""
    order: dict[str, int] = {name: place for place, name in enumerate(EFFORTS)}
    thinking = [name for name in taken if name != "none"]
    if effort not in order or not thinking:
        return None
    lower = [name for name in thinking if order[name] <= order[effort]]
    return lower[-1] if lower else thinking[0]


def _as_budget(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    del traits
    if prompt.effort is None:
        return {}
    changes.add("rewritten", "reasoning_effort", "as thinking_tokens")
    if prompt.thinking_tokens is not None:
        return {"effort": None}
    return {"effort": None, "thinking_tokens": _BUDGETS.get(prompt.effort, 0)}


def _either(prompt: Prompt, traits: Traits, changes: Changes) -> dict[str, Any]:
    return {} if prompt.effort is None else _as_effort(replace(prompt, thinking_tokens=None), traits, changes)


_THINKING: Final[Mapping[str, Callable[[Prompt, Traits, Changes], dict[str, Any]]]] = {
    "none": _dropped,
    "effort": _as_effort,
    "level": _as_effort,
    "budget": _as_budget,
    "effort_or_budget": _either,
}
"""By what the target has to say it with (`Traits.reasoning`)."""
