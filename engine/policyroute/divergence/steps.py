"""What an agent did, step by step: what it said and called, and what that gave.

Rule of this module: a call and its result are found together, or the step says that it is not whole. Nothing is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from policyroute.request.prompt import Call, Media, Other, Result, Text, Turn
from policyroute.request.waiting import Name, Waiting

MOST: Final = 2048
"""Characters of a text that are looked at: half of them from its beginning, half from its end."""


@dataclass(slots=True, repr=False)
class Step:
    """Turns of the assistant's in a row, with what follows up to its next: `first` to before `last`, by their places in
    the prompt. `heard` are turns of others in it. `plain`: it has nothing that only one dialect has words for."""

    first: int
    last: int
    calls: list[Call] = field(default_factory=list[Call])
    results: list[Result] = field(default_factory=list[Result])
    texts: list[str] = field(default_factory=list[str])
    heard: bool = False
    plain: bool = True

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


def steps(turns: Sequence[Turn], since: int = 0) -> list[Step]:
    """The steps from that turn on. One that nobody has answered is none: it is the beginning of an answer."""
    found: list[Step] = []
    step: Step | None = None
    for at in range(since, len(turns)):
        turn = turns[at]
        if turn.role == "assistant":
            if step is None or step.heard:
                step = Step(at, at)
                found.append(step)
            _did(step, turn)
        elif step is not None:
            step.heard = True
            step.results += [part for part in turn.parts if isinstance(part, Result)]
        if step is not None:
            step.last = at + 1
    if step is not None and not step.heard:
        found.pop()
    return found


def _did(step: Step, turn: Turn) -> None:
    for part in turn.parts:
        if isinstance(part, Call):
            step.calls.append(part)
        elif isinstance(part, Text):
            step.texts.append(part.text)
        elif isinstance(part, Other):
            step.plain = False


def paired(step: Step) -> list[tuple[Call, Result | None]]:
    """Each call with its result: the one with its id; without ids the first of its tool's that is not taken."""
    if len(step.calls) == len(step.results) == 1 and _is_of(step.results[0], step.calls[0]):
        return [(step.calls[0], step.results[0])]
    left = Waiting[Result]()
    for result in step.results:
        left.add(result, ("id", result.call_id) if result.call_id else ("bare", result.name), ("name", result.name))
    return [(call, left.take(*_names(call))) for call in step.calls]


def _names(call: Call) -> tuple[Name, ...]:
    if call.id:
        return ("id", call.id), ("bare", ""), ("bare", call.name)
    return ("name", ""), ("name", call.name)


def _is_of(result: Result, call: Call) -> bool:
    if result.call_id and call.id:
        return result.call_id == call.id
    return result.name in ("", call.name)


def is_whole(step: Step) -> bool:
    """Whether it can be left out: each of its calls has its result, and nobody else's is with them."""
    pairs = paired(step)
    return step.plain and len(step.results) == len(pairs) and all(result is not None for _, result in pairs)


def words(turn: Turn) -> str:
    """What a user says in words, or shows; empty where a turn only brings results."""
    parts = turn.parts
    if len(parts) == 1:
        part = parts[0]
        if isinstance(part, Text):
            return part.text.strip()
        if isinstance(part, Result):
            return ""
    return "\n".join(_shown(parts)).strip()


def _shown(parts: Iterable[object]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Text):
            yield part.text
        elif isinstance(part, Media):
            yield f"{part.kind} {part.url or part.file_id or ends(part.data)}"


def ends(text: str) -> str:
    if len(text) <= MOST:
        return text
    return f"{text[: MOST // 2]} {len(text)} {text[-MOST // 2 :]}"


class _Real:
    """Whether the user says something at a place that was not said before in the same words: a scripted `continue` says
    nothing new, nor does a block in tags that a client puts beside results. What was said before is looked through
    once."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._first: dict[str, int] = {}

    def __call__(self, at: int) -> bool:
        turn = self._turns[at]
        said = words(turn)
        if not said:
            return False
        if said[0] == "<" and said[-1] == ">" and any(isinstance(part, Result) for part in turn.parts):
            return False
        if not self._first:
            for place, before in enumerate(self._turns[: at + 1]):
                if before.role == "user":
                    self._first.setdefault(words(before), place)
        return self._first[said] == at


def window(turns: Sequence[Turn], most: int) -> int:
    """Where the last so many steps begin, or where the user has last spoken, whichever is later."""
    count = 0
    is_real = _Real(turns)
    for at in range(len(turns) - 1, -1, -1):
        role = turns[at].role
        if role == "user":
            if is_real(at):
                return at + 1
        elif role == "assistant" and (at == 0 or turns[at - 1].role != "assistant"):
            count += 1
            if count == most:
                return at
    return 0
