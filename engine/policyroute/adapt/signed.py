"""Thoughts that are taken back as they were signed, or not at all (Anthropic: "Invalid `signature`").

Rule of this module: what has no signature was told by us (another provider thought it), or broke off before it came. It
is left out; what is signed stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from policyroute.catalogue import Traits
from policyroute.changes import Changes
from policyroute.request.prompt import Part, Prompt, Thought, Turn

_SIGNATURE: Final = "signature"


def fitted(prompt: Prompt, traits: Traits, changes: Changes, *, foreign: bool) -> Prompt:
    """No thought of another dialect is written anyway."""
    if foreign or not traits.signed_thoughts:
        return prompt
    if not any(_unsigned(part) for turn in prompt.turns for part in turn.parts):
        return prompt
    changes.add("dropped", "messages.thought", "not signed")
    turns = (_without(turn) for turn in prompt.turns)
    return replace(prompt, turns=tuple(turn for turn in turns if turn is not None))


def _without(turn: Turn) -> Turn | None:
    """None of a turn in which nothing else was said."""
    parts = tuple(part for part in turn.parts if not _unsigned(part))
    if len(parts) == len(turn.parts):
        return turn
    return replace(turn, parts=parts) if parts else None


def _unsigned(part: Part) -> bool:
    return isinstance(part, Thought) and not (part.extra or {}).get(_SIGNATURE)
