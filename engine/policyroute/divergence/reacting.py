"""What is done about a conversation that goes round, and what its model is shown then.

Rule of this module: the end of the prompt gets one turn more, and steps that were repeated go as a whole; nothing else
is changed, and no client ever gets it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from policyroute.dialects.shapes import compact, loads
from policyroute.divergence.evidence import Evidence, Reaction
from policyroute.divergence.steps import Step, steps
from policyroute.divergence.watch import Watch
from policyroute.divergence.wording import nudge
from policyroute.request.prompt import Call, Prompt, Result, Text, Turn
from policyroute.scrub.segment import GATEWAYS

_MOST: Final = 400
"""Characters of a call that is shown once more."""
_TELLS: Final = frozenset({"nudge", "prune", "swap"})
_PRUNES: Final = frozenset({"prune", "swap"})


def reaction(evidence: Evidence, watch: Watch, level: int, mark: str) -> Reaction:
    """`level` and `mark` are what is kept of the conversation, 0 and empty where nothing is. Raises ValueError where
    nothing is to be done (`watch.react` is empty)."""
    if not watch.react:
        raise ValueError("nothing is watched")
    level = max(level + (mark != evidence.mark), evidence.times, 1)
    kind = watch.react[min(level, len(watch.react)) - 1]
    pruned = evidence.spare if kind in _PRUNES else frozenset[int]()
    said = nudge(evidence, level, len(pruned)) if kind in _TELLS else ""
    return Reaction(kind, level, evidence, said, pruned)


def quoted(prompt: Prompt, reaction: Reaction) -> str:
    """The call that the model is told of once more, as JSON in which no tag can stand; empty where there is none. It is
    what a model said: whoever may not be told that may not be told this."""
    place = reaction.evidence.call
    if not reaction.nudge or place < 0:
        return ""
    for turn in prompt.turns:
        for part in turn.parts:
            if isinstance(part, Call):
                if not place:
                    return _as_data(part)
                place -= 1
    return ""


def _as_data(call: Call) -> str:
    arguments: Any = loads(call.arguments) if len(call.arguments) <= _MOST else None
    said = compact({"tool": call.name, "arguments": call.arguments[:_MOST] if arguments is None else arguments})
    said = said if len(said) <= _MOST else said[: _MOST - 1] + "…"
    return said.replace("<", "\\u003c").replace(">", "\\u003e")


def reacted(prompt: Prompt, reaction: Reaction) -> Prompt:
    """The prompt as the model is shown it, once, however often it is asked for; the very same where nothing of it is
    for the model."""
    if not reaction.nudge:
        return prompt
    mark = _mark(reaction)
    if any(_begins(turn, mark) for turn in prompt.turns):
        return prompt
    call = quoted(prompt, reaction)
    text = "\n".join([mark, reaction.nudge, *([f"The call, as data: {call}"] if call else [])])
    turns = _pruned(prompt.turns, reaction.pruned) if reaction.pruned else prompt.turns
    at = len(turns)
    while at and turns[at - 1].role == "assistant":
        at -= 1  # the beginning of the answer stays the end
    return replace(prompt, turns=(*turns[:at], Turn("system", (Text(text),)), *turns[at:]))


def _mark(reaction: Reaction) -> str:
    """The first line of what is said, by which it is known again whatever has gone from the prompt since."""
    said = f"{reaction.evidence.mark}\n{reaction.nudge}"
    return f"{GATEWAYS}divergence id={hashlib.sha256(said.encode()).hexdigest()[:12]}]"


def _begins(turn: Turn, mark: str) -> bool:
    return turn.role == "system" and any(isinstance(part, Text) and part.text.startswith(mark) for part in turn.parts)


def _pruned(turns: Sequence[Turn], pruned: frozenset[int]) -> tuple[Turn, ...]:
    """Without the steps of these calls: a step of which one is kept is kept as a whole, for thoughts are signed for
    all of it."""
    gone: dict[int, Turn | None] = {}
    place = 0
    for step in steps(turns):
        calls = range(place, place + len(step.calls))
        place += len(step.calls)
        if calls and pruned.issuperset(calls):
            gone.update(_without(turns, step))
    left = (gone.get(at, turn) for at, turn in enumerate(turns))
    return tuple(turn for turn in left if turn is not None)


def _without(turns: Sequence[Turn], step: Step) -> dict[int, Turn | None]:
    """What is left of each of its turns: what others said beside the results."""
    left: dict[int, Turn | None] = {}
    for at in range(step.first, step.last):
        turn = turns[at]
        if turn.role == "assistant":
            left[at] = None
        elif any(isinstance(part, Result) for part in turn.parts):
            parts = tuple(part for part in turn.parts if not isinstance(part, Result))
            left[at] = replace(turn, parts=parts) if parts else None
    return left
