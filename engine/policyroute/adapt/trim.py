"""A conversation that is too long for the target's window, without its oldest exchanges.

Rule of this module: what the system says stays, and the last turn of the user with all that follows it; an exchange
goes as a whole, calls with their results. What goes, goes in steps of a quarter of the window, so that a conversation
keeps the same beginning from turn to turn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from policyroute.adapt.room import Room
from policyroute.changes import Changes
from policyroute.dialects.shapes import utf8_length
from policyroute.request.prompt import Call, Part, Prompt, Result, Text, Turn

_ANSWER: Final = 1024
"""Tokens that are kept free for the answer where none are asked for."""
_STEPS: Final = 4
_OF_MEDIA: Final = 4096
"""Bytes of text that something to look at counts as."""


def trimmed(prompt: Prompt, room: Room, changes: Changes) -> Prompt:
    """The same prompt where it fits, or is not to be trimmed."""
    if not room.trim or room.window is None:
        return prompt
    free = max(1, room.window - min(prompt.max_tokens or _ANSWER, room.window // 2))
    if room.prompt <= free:
        return prompt
    exchanges = _exchanges(prompt.turns)
    weights = [sum(map(_weight, exchange)) for exchange in exchanges]
    whole = sum(weights) + sum(map(_weight, _system(prompt.turns)))
    a_token = max(1.0, whole / max(1, room.prompt))
    gone = _how_many(weights[:-1], (room.prompt - free) * a_token, room.window * a_token / _STEPS)
    if not gone:
        return prompt
    dropped = {id(turn) for exchange in exchanges[:gone] for turn in exchange}
    changes.add("dropped", "messages", f"{len(dropped)} of {len(prompt.turns)}: the oldest")
    return replace(prompt, turns=tuple(turn for turn in prompt.turns if id(turn) not in dropped))


def _how_many(weights: list[int], excess: float, step: float) -> int:
    """Exchanges, from the oldest, whose weight together comes to a whole number of steps and is no less than the
    excess; all of them where that is not enough."""
    wanted = -(-excess // step) * step
    weight = 0.0
    for count, each in enumerate(weights):
        if weight >= wanted:
            return count
        weight += each
    return len(weights)


def _system(turns: tuple[Turn, ...]) -> list[Turn]:
    return [turn for turn in turns if turn.role == "system"]


def _exchanges(turns: tuple[Turn, ...]) -> list[list[Turn]]:
    """From one thing that the user says to the next; the last is the one that is to be answered."""
    found: list[list[Turn]] = []
    for turn in turns:
        if turn.role == "system":
            continue
        if not found or (turn.role == "user" and not _brings_results(turn) and found[-1][-1].role != "user"):
            found.append([])
        found[-1].append(turn)
    return found


def _brings_results(turn: Turn) -> bool:
    return any(isinstance(part, Result) for part in turn.parts)


def _weight(turn: Turn) -> int:
    return sum(map(_bytes, turn.parts))


def _bytes(part: Part) -> int:
    if isinstance(part, Text):
        return utf8_length(part.text)
    if isinstance(part, Call):
        return utf8_length(part.arguments) + len(part.name)
    if isinstance(part, Result):
        return sum(map(_bytes, part.content))
    return _OF_MEDIA
