"""The order of turns and the ids of calls, by a target's rules.

Rule of this module: a call and its result keep the same id, and a longer conversation keeps those of the shorter.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from policyroute.catalogue import Traits
from policyroute.changes import Changes
from policyroute.dialects.shapes import same
from policyroute.request.prompt import Call, Media, Part, Prompt, Result, Text, Turn
from policyroute.request.waiting import Waiting

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NINE: Final = 9
_IDS: Final[Mapping[str, re.Pattern[str]]] = {
    "short": re.compile(r"[\x21-\x7e]{1,40}"),
    "word": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "nine": re.compile(r"[A-Za-z0-9]{9}"),
}
"""What an id must look like, by the name of the rule (`Traits.call_id`)."""
_RULED: Final = (Call, Result, Media)
T = TypeVar("T")

_BRIDGE: Final = "Understood."


_GO_ON: Final = (
    "Your last message is the beginning of your answer. Go on exactly where it stops: say only what follows, and "
    "repeat nothing of it."
)


def fitted(prompt: Prompt, traits: Traits, changes: Changes, *, foreign: bool) -> Prompt:
    turns = prompt.turns
    if (traits.user_last or foreign) and not traits.prefill and _is_begun(turns):
        changes.add("emulated", "prefill")
        turns = (*turns, Turn("user", (Text(_GO_ON),)))
    if any(map(_ruled, turns)):
        if foreign:
            turns = _told_apart(turns, traits.call_id, changes)
            turns = _answered(turns, changes)
        if (wanted := _IDS.get(traits.call_id)) is not None:
            turns = _renamed(turns, wanted, traits.call_id, changes)
        turns = _shown(turns, traits, changes)
    if traits.alternate:
        turns = _alternating(turns, changes)
    return prompt if turns is prompt.turns else replace(prompt, turns=turns)


def _is_begun(turns: tuple[Turn, ...]) -> bool:
    """Whether the conversation ends with an answer that is to be continued, and is not marked as one (Mistral)."""
    if not turns or turns[-1].role != "assistant" or (turns[-1].extra or {}).get("prefix") is True:
        return False
    parts = turns[-1].parts
    spoken = any(isinstance(part, Text) and part.text for part in parts)
    return spoken and not any(isinstance(part, Call) for part in parts)


def _told_apart(turns: tuple[Turn, ...], rule: str, changes: Changes) -> tuple[Turn, ...]:
    """With an id for each call that no earlier one has: there are clients that begin to count anew in each turn, and
    vendors that refuse it. A result is that of the call before it that has its id and no result yet."""
    ids = [part.id for turn in turns for part in turn.parts if isinstance(part, Call) and part.id]
    if len(set(ids)) == len(ids):
        return turns
    made: Counter[str] = Counter()
    waiting: dict[str, list[str]] = {}
    last: dict[str, str] = {}
    heard = False

    def named(part: Part) -> Part:
        nonlocal heard
        if isinstance(part, Call) and part.id:
            if heard:  # a step begins: nobody waits for results of the one before any more
                waiting.clear()
                heard = False
            new = _id(f"{part.id} {made[part.id]}", rule) if made[part.id] else part.id
            made[part.id] += 1
            last[part.id] = new
            waiting.setdefault(part.id, []).append(new)
            if new == part.id:
                return part
            changes.add("renamed", "messages.call.id")
            return replace(part, id=new)
        if isinstance(part, Result) and part.call_id in last:
            heard = True
            left = waiting.get(part.call_id)
            new = left.pop(0) if left else last[part.call_id]
            return part if new == part.call_id else replace(part, call_id=new)
        return part

    return _each(turns, named)


def _answered(turns: tuple[Turn, ...], changes: Changes) -> tuple[Turn, ...]:
    """Without results whose calls are not told, as no other dialect has words for them: nobody takes these. A result
    that does not say whose it is is that of the first call that has none."""
    waiting = Waiting[Call]()
    answered: set[str] = set()

    def kept(part: Part) -> Part | None:
        if isinstance(part, Call):
            waiting.add(part, ("id", part.id), ("name", part.name), ("name", ""))
        if not isinstance(part, Result) or part.call_id in answered:
            return part
        call = waiting.take(("id", part.call_id) if part.call_id else ("name", part.name))
        if call is None:
            changes.add("dropped", "messages.result")
            return None
        if part.call_id:
            answered.add(part.call_id)
            return part
        return replace(part, call_id=call.id, name=call.name)

    return _each(turns, kept)


def _renamed(turns: tuple[Turn, ...], wanted: re.Pattern[str], rule: str, changes: Changes) -> tuple[Turn, ...]:
    called = {part.id for turn in turns for part in turn.parts if isinstance(part, Call) and part.id}

    def named(part: Part) -> Part:
        if isinstance(part, Call) and part.id and not wanted.fullmatch(part.id):
            changes.add("renamed", "messages.call.id")
            return replace(part, id=_id(part.id, rule))
        if isinstance(part, Result) and part.call_id in called and not wanted.fullmatch(part.call_id):
            return replace(part, call_id=_id(part.call_id, rule))
        return part

    return _each(turns, named)


def _id(given: str, rule: str) -> str:
    """Another id for the same call: by chance no other's, and the same whenever it is asked for."""
    number = int.from_bytes(hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()[:16])
    found = ""
    for _ in range(_NINE if rule == "nine" else 2 * _NINE):
        number, digit = divmod(number, len(_ALPHABET))
        found += _ALPHABET[digit]
    return found if rule == "nine" else f"call_{found}"


def _shown(turns: tuple[Turn, ...], traits: Traits, changes: Changes) -> tuple[Turn, ...]:
    """Without what the target cannot fetch or look at."""

    def gone(part: Part) -> bool:
        if not isinstance(part, Media):
            return False
        takes = {"image": True, "file": traits.files, "audio": traits.audio, "video": traits.video}[part.kind]
        if takes and (traits.image_urls or not part.url or part.kind != "image"):
            return False
        changes.add("dropped", f"messages.{part.kind}", "by address" if takes else "")
        return True

    def kept(part: Part) -> Part | None:
        if isinstance(part, Result) and any(map(gone, part.content)):
            return replace(part, content=tuple(inner for inner in part.content if not gone(inner)))
        return None if gone(part) else part

    return _each(turns, kept)


def _alternating(turns: tuple[Turn, ...], changes: Changes) -> tuple[Turn, ...]:
    """Turns of one role in a row become one, and between a tool's result and the user there is the assistant."""
    found: list[Turn] = []
    for turn in turns:
        if found and found[-1].role == turn.role == "user" and _answers(found[-1]) and not _answers(turn):
            changes.add("added", "messages", "a turn of the assistant after a tool's result")
            found.append(Turn("assistant", (Text(_BRIDGE),)))
        if found and found[-1].role == turn.role != "system":
            changes.add("merged", "messages")
            found[-1] = replace(found[-1], parts=found[-1].parts + turn.parts)
        else:
            found.append(turn)
    return _unless_same(tuple(found), turns)


def _answers(turn: Turn) -> bool:
    return bool(turn.parts) and isinstance(turn.parts[-1], Result)


def _ruled(turn: Turn) -> bool:
    """Most turns are nothing but texts, which no rule for parts is about."""
    parts = turn.parts
    if len(parts) == 1:
        return isinstance(parts[0], _RULED)
    return any(isinstance(part, _RULED) for part in parts)


def _each(turns: tuple[Turn, ...], change: Callable[[Part], Part | None]) -> tuple[Turn, ...]:
    """The turns with each part changed, or without it; the very same where nothing changes."""
    return _unless_same(tuple(_turn(turn, change) for turn in turns), turns)


def _turn(turn: Turn, change: Callable[[Part], Part | None]) -> Turn:
    if not _ruled(turn):
        return turn
    parts = _unless_same(tuple(kept for part in turn.parts if (kept := change(part)) is not None), turn.parts)
    return turn if parts is turn.parts else replace(turn, parts=parts)


def _unless_same(found: tuple[T, ...], given: tuple[T, ...]) -> tuple[T, ...]:
    """What was given, where what was found is the very same."""
    return given if same(found, given) else found
