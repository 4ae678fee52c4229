"""Sampling, thinking and the other knobs of a request, as a target has them.

Rule of this module: a number out of range is taken to the range's end; what there is no knob for is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from policyroute.adapt.steps import Changes
from policyroute.catalogue import Traits
from policyroute.request.prompt import Prompt

_SAMPLING: Final = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "logprobs")
_PENALTIES: Final = ("presence_penalty", "frequency_penalty")

_LATER: Final = ("batch", "flex")
"""Tiers that answer when there is room: cheap, and nothing for whoever waits."""

_BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32768}
"""Tokens of thinking that an effort stands for where only tokens can be said; the steps are ours."""


def fitted(prompt: Prompt, traits: Traits, changes: Changes, *, interactive: bool) -> Prompt:
    changed: dict[str, Any] = {}
    for name in _without(traits):
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
    if tier is not None and (tier not in traits.service_tiers or (interactive and tier in _LATER)):
        changes.add("dropped", "service_tier", tier if tier in _LATER else "")
        changed["service_tier"] = None
    changed |= _THINKING[traits.reasoning](prompt, changes)
    return replace(prompt, **changed) if changed else prompt


def _without(traits: Traits) -> tuple[str, ...]:
    """The parameters that the target does not take."""
    gone: tuple[str, ...] = () if traits.sampling else _SAMPLING
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


def _dropped(prompt: Prompt, changes: Changes) -> dict[str, Any]:
    if prompt.effort is None and prompt.thinking_tokens is None:
        return {}
    if prompt.effort != "none" and prompt.thinking_tokens != 0:
        changes.add("dropped", "reasoning_effort")
    return {"effort": None, "thinking_tokens": None}


def _as_effort(prompt: Prompt, changes: Changes) -> dict[str, Any]:
    tokens = prompt.thinking_tokens
    if tokens is None:
        return {}
    changes.add("rewritten", "thinking_tokens", "as reasoning_effort")
    if prompt.effort is not None or tokens < 0:
        return {"thinking_tokens": None}
    if tokens == 0:
        return {"thinking_tokens": None, "effort": "none"}
    reached = [effort for effort, budget in _BUDGETS.items() if budget <= tokens and effort not in ("xhigh", "max")]
    return {"thinking_tokens": None, "effort": reached[-1] if reached else "minimal"}


def _as_budget(prompt: Prompt, changes: Changes) -> dict[str, Any]:
    if prompt.effort is None:
        return {}
    changes.add("rewritten", "reasoning_effort", "as thinking_tokens")
    if prompt.thinking_tokens is not None:
        return {"effort": None}
    return {"effort": None, "thinking_tokens": _BUDGETS.get(prompt.effort, 0)}


def _either(prompt: Prompt, changes: Changes) -> dict[str, Any]:
    del prompt, changes
    return {}


_THINKING: Final[Mapping[str, Callable[[Prompt, Changes], dict[str, Any]]]] = {
    "none": _dropped,
    "effort": _as_effort,
    "level": _as_effort,
    "budget": _as_budget,
    "effort_or_budget": _either,
}
"""By what the target has to say it with (`Traits.reasoning`)."""
