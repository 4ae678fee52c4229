"""How long an answer may be: what the target writes at most, and what its window leaves beside the prompt.

Rule of this module: never less than one token, and nothing is said where nothing is known and nothing was asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from policyroute.absent import Absent
from policyroute.catalogue import Traits
from policyroute.changes import Changes
from policyroute.policy.model import Target
from policyroute.request import ModelRequest
from policyroute.request.prompt import Prompt

_UNKNOWN: Final = 4096
"""Tokens of an answer where one must be said and nothing is known: what the smallest models in use write."""


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens: of the target's window, of the longest answer it gives, and of the prompt, as it is estimated, or more
    where there is room for more. None is what is not known. `trim`: a prompt that is too long goes without its oldest
    turns."""

    window: int | None = None
    max_output: int | None = None
    prompt: int = 0
    trim: bool = False


def room(request: ModelRequest, spec: Target, *, trim: bool = False) -> Room:
    """Of one request at one target. A token is at least a byte of the body: where the bytes fit, and the answer with
    them, nobody has to count tokens."""
    window = None if isinstance(spec.context_window, Absent) else spec.context_window
    longest = None if isinstance(spec.max_output_tokens, Absent) else spec.max_output_tokens
    if window is None:
        return Room(None, longest, 0, trim)
    answer = max(longest or 0, _UNKNOWN, request.max_tokens or 0)
    fits = request.size + answer <= window
    return Room(window, longest, request.size if fits else request.input_tokens, trim)


def limited(prompt: Prompt, traits: Traits, room: Room, changes: Changes) -> Prompt:
    """`max_tokens` no more than there is room for; added where the target must be told one."""
    most = _most(room)
    asked = prompt.max_tokens
    if asked is None:
        if not traits.max_tokens_needed:
            return prompt
        given = _UNKNOWN if most is None else most
        changes.add("added", "max_tokens", str(given))
        return replace(prompt, max_tokens=given)
    if most is None or asked <= most:
        return prompt
    changes.add("clamped", "max_tokens", f"{asked} to {most}")
    return replace(prompt, max_tokens=most)


def _most(room: Room) -> int | None:
    left = None if room.window is None else max(1, room.window - room.prompt)
    known = [each for each in (room.max_output, left) if each is not None]
    return min(known, default=None)
