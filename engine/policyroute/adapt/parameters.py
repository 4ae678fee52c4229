"""Sampling, thinking and the other knobs of a request, as a target has them.

Rule of this module: a number out of range is taken to the range's end; what there is no knob for is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.adapt import thinking
from policyroute.catalogue import LATER, Traits
from policyroute.changes import Changes, plain
from policyroute.dialects.shapes import without
from policyroute.request.prompt import Prompt

_SAMPLING: Final = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "logprobs")
_DENIED: Final = (False, "none")
_NOTHING: Final[tuple[Any, ...]] = (None, ABSENT, False, {})
_PENALTIES: Final = ("presence_penalty", "frequency_penalty")


def fitted(prompt: Prompt, traits: Traits, changes: Changes, *, interactive: bool) -> Prompt:
    changed: dict[str, Any] = {}
    for name in _without(prompt, traits):
        if (value := getattr(prompt, name)) is not None:
            changed[name] = None
            if value != 0 or name not in _PENALTIES:  # a penalty of nothing asks for nothing
                changes.add("dropped", name)
    hottest = traits.temperature_max
    if prompt.temperature is not None and "temperature" not in changed and prompt.temperature > hottest:
        changes.add("clamped", "temperature", f"{prompt.temperature:g} to {hottest:g}")
        changed["temperature"] = hottest
    if prompt.n is not None and prompt.n > 1 and not traits.n:
        changes.add("dropped", "n", str(prompt.n))
        changed["n"] = None
    tier = prompt.service_tier
    if tier is not None and (not traits.service_tier or (interactive and tier in LATER)):
        changes.add("dropped", "service_tier", tier if tier in LATER else "")
        changed["service_tier"] = None
    changed |= thinking.fitted(prompt, traits, changes)
    return replace(prompt, **changed) if changed else prompt


def _without(prompt: Prompt, traits: Traits) -> tuple[str, ...]:
    """The parameters that the target does not take, or not while it thinks."""
    thinks = prompt.effort not in (None, "none") or prompt.thinking_tokens not in (None, 0)
    gone: tuple[str, ...] = () if traits.sampling and (traits.sampling_reasoning or not thinks) else _SAMPLING
    gone += () if traits.penalties else _PENALTIES
    gone += () if traits.seed else ("seed",)
    gone += () if traits.logprobs else ("logprobs",)
    return tuple(dict.fromkeys(gone))


def left(prompt: Prompt, traits: Traits, beside: Mapping[str, tuple[str, ...]], changes: Changes) -> Prompt:
    """Without what a client of the target's own dialect says beside the parameters that the target does not take."""
    extra = prompt.extra
    if not extra:
        return prompt
    gone = [
        name
        for trait, names in beside.items()
        if getattr(traits, trait) in _DENIED
        for name in names
        if extra.get(name) not in _NOTHING
    ]
    for name in gone:
        changes.add("dropped", plain(name))
    return replace(prompt, extra=without(extra, *gone)) if gone else prompt


def stopped(prompt: Prompt, traits: Traits, changes: Changes) -> tuple[Prompt, tuple[str, ...]]:
    """The prompt with as many stop sequences as the target takes, and the others: those are ours to keep."""
    if len(prompt.stop) <= traits.stop_max:
        return prompt, ()
    sent, ours = prompt.stop[: traits.stop_max], prompt.stop[traits.stop_max :]
    changes.add("moved", "stop", f"{len(ours)} of {len(prompt.stop)} are kept by the gateway")
    return replace(prompt, stop=sent), ours


def spelled(prompt: Prompt, traits: Traits, changes: Changes, *, foreign: bool) -> Prompt:
    """By the names that the target has for its fields. A client of another dialect used none of them."""
    wanted: dict[str, str] = {"max_tokens": traits.max_tokens_name, "seed": traits.seed_name}
    if prompt.effort == "none":
        wanted["effort"] = traits.off_name
    names: dict[str, str] = {}
    for field, name in wanted.items():
        if name != "any" and getattr(prompt, field) is not None and prompt.spelled.get(field, field) != name:
            names[field] = name
            if not foreign:
                changes.add("renamed", field, f"to {name}")
    return replace(prompt, spelled={**prompt.spelled, **names}) if names else prompt
