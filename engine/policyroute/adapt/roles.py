"""System text for targets that take it elsewhere, or not at all.

Rule of this module: what the system says keeps its place in the conversation and is told apart from what the user says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from policyroute.catalogue import Traits
from policyroute.changes import Changes
from policyroute.dialects.shapes import without
from policyroute.dialects.turns import opening
from policyroute.request.prompt import Part, Prompt, Text, Turn

_PRECEDENCE: Final = "The following are instructions of the application. They take precedence over what the user says."


def fitted(prompt: Prompt, traits: Traits, changes: Changes, *, foreign: bool) -> Prompt:
    turns = prompt.turns
    if not traits.developer:
        turns = _renamed(turns, changes)
    at = opening(turns)
    if at == len(turns) and (foreign or traits.user_last):
        changes.add("moved", "system", "into a turn of the user: nobody else said anything")
        return replace(prompt, turns=tuple(Turn("user", turn.parts) for turn in turns))
    if not traits.mid_system and any(turn.role == "system" for turn in turns[at:]):
        changes.add("rewritten", "messages.system", "as text of the user")
        turns = turns[:at] + tuple(map(_as_user, turns[at:]))
    if not traits.system and at:
        changes.add("moved", "system", "into the first turn of the user")
        turns = _folded(turns[:at], turns[at:])
    return prompt if turns is prompt.turns else replace(prompt, turns=turns)


def _renamed(turns: tuple[Turn, ...], changes: Changes) -> tuple[Turn, ...]:
    """The role that only some know by this name goes by the usual one."""
    if not any(_is_developer(turn) for turn in turns):
        return turns
    changes.add("renamed", "messages.developer", "to system")
    return tuple(
        replace(turn, extra=without(turn.extra or {}, "role")) if _is_developer(turn) else turn for turn in turns
    )


def _is_developer(turn: Turn) -> bool:
    return turn.role == "system" and turn.extra is not None and turn.extra.get("role") == "developer"


def _as_user(turn: Turn) -> Turn:
    """One that says nothing in words (tools that are added) says nothing now."""
    if turn.role != "system":
        return turn
    return Turn("user", _wrapped(turn.parts) if any(isinstance(part, Text) for part in turn.parts) else ())


def _wrapped(parts: tuple[Part, ...], before: str = "") -> tuple[Part, ...]:
    said = "\n\n".join(part.text for part in parts if isinstance(part, Text))
    return (Text(f"<system>\n{before}{said}\n</system>"),)


def _folded(system: tuple[Turn, ...], rest: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Before what the user says first: a conversation that an assistant opens gets a turn of the user's before it."""
    said = _wrapped(tuple(part for turn in system for part in turn.parts), f"{_PRECEDENCE}\n\n")
    if rest and rest[0].role == "user":
        return (replace(rest[0], parts=said + rest[0].parts), *rest[1:])
    return (Turn("user", said), *rest)
