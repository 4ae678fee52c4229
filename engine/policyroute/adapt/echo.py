"""Thoughts that must come back with what was said after them (DeepSeek's `reasoning_content`).

Rule of this module: every turn of the assistant has some. What the client sent back is what is sent; a thought that
another provider signed, or that was never told, is stood in for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from policyroute.catalogue import Traits
from policyroute.changes import Changes
from policyroute.dialects.shapes import obj
from policyroute.dialects.turns import merged
from policyroute.request.prompt import Part, Prompt, Thought, Turn

_STAND_IN: Final = " "
"""What is taken for a thought: an empty text is not."""
_SIGNED: Final = ("signature", "encrypted_content", "thoughtSignature")


def fitted(prompt: Prompt, traits: Traits, changes: Changes, *, foreign: bool) -> Prompt:
    """A model that is told not to think wants none of it."""
    if not traits.reasoning_echo or prompt.effort == "none" or _is_off(prompt):
        return prompt
    given = tuple(merged(prompt.turns)) if foreign else prompt.turns
    turns = tuple(_thoughtful(turn, changes) if turn.role == "assistant" else turn for turn in given)
    if not foreign and all(one is other for one, other in zip(turns, given, strict=True)):
        return prompt
    return replace(prompt, turns=turns, echo=True)


def _is_off(prompt: Prompt) -> bool:
    """As clients of the vendor's own say it."""
    return obj((prompt.extra or {}).get("thinking")).get("type") == "disabled"


def _thoughtful(turn: Turn, changes: Changes) -> Turn:
    thoughts = [part for part in turn.parts if isinstance(part, Thought)]
    said = "".join(part.text for part in thoughts if not any((part.extra or {}).get(name) for name in _SIGNED))
    if not said:
        changes.add("added", "messages.thought", "a stand-in for what was thought elsewhere")
    elif len(thoughts) == 1 and thoughts[0].extra is None:
        return turn
    rest: tuple[Part, ...] = tuple(part for part in turn.parts if not isinstance(part, Thought))
    return replace(turn, parts=(Thought(said or _STAND_IN), *rest))
