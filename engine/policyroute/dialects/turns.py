"""Turns of a conversation, as every writer needs them.

Rule of this module: nothing is lost here and nothing depends on a dialect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.changes import Change, Changes, plain
from policyroute.dialects.shapes import loads, obj
from policyroute.request.prompt import Call, Function, Other, Part, Prompt, Result, Text, Turn


def merged(turns: Iterable[Turn]) -> list[Turn]:
    """Adjacent turns of one role as one; those without any parts are left out."""
    found: list[Turn] = []
    for turn in turns:
        if found and found[-1].role == turn.role and turn.role != "system":
            found[-1] = Turn(turn.role, found[-1].parts + turn.parts)
        elif turn.parts:
            found.append(turn)
    return found


def opening(turns: Sequence[Turn]) -> int:
    """How many turns of the system the conversation opens with."""
    return next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))


def after_opening(turns: Sequence[Turn], said: str) -> tuple[Turn, ...]:
    """With one more turn of the system after those: a longer conversation then begins with the same bytes."""
    at = opening(turns)
    return (*turns[:at], Turn("system", (Text(said),)), *turns[at:])


def arguments(said: str) -> dict[str, Any]:
    """A call's arguments as the object that most dialects want; what is none stands in one under `input`."""
    value: Any = loads(said) if said else dict[str, Any]()
    return obj(value) if isinstance(value, dict) else {"input": said if value is None else value}


def names(turns: Iterable[Turn]) -> dict[str, str]:
    """The tool that each call of the conversation called, by the call's id."""
    return {part.id: part.name for turn in turns for part in turn.parts if isinstance(part, Call) and part.id}


_NOTHING: Final[tuple[Any, ...]] = (None, ABSENT, "", [], {})
_ROUTING: Final = frozenset({"role", "stream_options"})
"""What an `extra` may hold only for the dialect to find its own spelling: what is said by it every dialect says."""


def only_text(turn: Turn) -> str:
    """The text of a turn that is nothing but one, as most are."""
    parts = turn.parts
    if len(parts) == 1:
        part = parts[0]
        if isinstance(part, Text):
            return part.text
    return ""


def unsaid(prompt: Prompt) -> tuple[Change, ...]:
    """What only the prompt's own dialect has words for, as what any other leaves out. Each once, in order. A field that
    says nothing is not missed."""
    found = Changes()
    parts = _with_more(prompt)
    for owner, extra in _extras(prompt, parts):
        for name, value in extra.items():
            if value is not ABSENT and name not in _ROUTING and _says_anything(value):
                found.add("dropped", f"{owner}.{plain(name)}" if owner else plain(name))
    for owner, other in _others(prompt, parts):
        found.add("dropped", f"{owner}.{plain(other.kind)}")
    return found.all()


def _says_anything(value: Any) -> bool:
    """An object of nothing but nulls does not."""
    return value not in _NOTHING and (not isinstance(value, dict) or any(map(_says_anything, obj(value).values())))


def _with_more(prompt: Prompt) -> list[Part]:
    """All parts but texts that are nothing else."""
    found: list[Part] = []
    for turn in prompt.turns:
        for part in turn.parts:
            if not isinstance(part, Text) or part.extra:
                found.append(part)
                if isinstance(part, Result):
                    found += part.content
    return found


def _extras(prompt: Prompt, parts: Iterable[Part]) -> Iterator[tuple[str, Any]]:
    if prompt.extra:
        yield "", prompt.extra
    if prompt.format is not None and prompt.format.extra:
        yield "response_format", prompt.format.extra
    for tool in prompt.tools:
        if isinstance(tool, Function) and tool.extra:
            yield "tools", tool.extra
    for turn in prompt.turns:
        if turn.extra:
            yield "messages", turn.extra
    for part in parts:
        if not isinstance(part, Other) and part.extra:
            yield f"messages.{type(part).__name__.lower()}", part.extra


def _others(prompt: Prompt, parts: Iterable[Part]) -> Iterator[tuple[str, Other]]:
    for tool in prompt.tools:
        if isinstance(tool, Other):
            yield "tools", tool
    for part in parts:
        if isinstance(part, Other):
            yield "messages", part
