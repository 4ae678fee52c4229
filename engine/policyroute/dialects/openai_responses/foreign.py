"""OpenAI Responses: the turns of another dialect's prompt as instructions and items.

Rule of this module: what there are no words for is left out and noted, and an item does not depend on what follows it:
a longer conversation begins as the shorter one did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from policyroute.changes import Changes
from policyroute.dialects.openai import CallIds, text_of
from policyroute.dialects.openai_responses import media
from policyroute.dialects.openai_responses.parts import usual
from policyroute.dialects.turns import merged, only_text, opening
from policyroute.request.prompt import Call, Media, Part, Refusal, Result, Text, Thought, Turn


class Telling:
    """Tells one conversation. `changes` are what it says otherwise, each once, in order."""

    def __init__(self) -> None:
        self.changes = Changes()
        self._calls = CallIds()

    def conversation(self, turns: Iterable[Turn]) -> tuple[str, list[dict[str, Any]]]:
        """What the system says first are the instructions."""
        said = merged(turns)
        at = opening(said)
        instructions = "\n\n".join(filter(None, map(self._system_text, said[:at])))
        return instructions, [item for turn in said[at:] for item in self._turn(turn)]

    def _system_text(self, turn: Turn) -> str:
        for part in turn.parts:
            if isinstance(part, Media):
                self.changes.add("dropped", f"messages.{part.kind}")
        return "\n\n".join(part.text for part in turn.parts if isinstance(part, Text) and part.text)

    def _turn(self, turn: Turn) -> Iterable[dict[str, Any]]:
        said = only_text(turn) if turn.role != "system" else ""
        return (_message(turn.role, [_text(said, turn.role)]),) if said else self._parts(turn)

    def _parts(self, turn: Turn) -> Iterator[dict[str, Any]]:
        if turn.role == "assistant":
            yield from self._answer(turn.parts)
        elif turn.role == "system":
            if said := self._system_text(turn):
                yield _message("developer", [_text(said, "system")])
        else:
            yield from (self._result(part) for part in turn.parts if isinstance(part, Result))
            if shown := self._shown(turn.parts, "user"):
                yield _message("user", shown)

    def _answer(self, parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
        """In the order in which it was said: a message ends where a tool is called."""
        spoken: list[Part] = []
        for part in parts:
            if isinstance(part, Call):
                yield from self._spoken(spoken)
                yield self._call(part)
                spoken = []
            elif isinstance(part, Thought):
                self.changes.add("dropped", "messages.thought")
            else:
                spoken.append(part)
        yield from self._spoken(spoken)

    def _spoken(self, parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
        if shown := self._shown(parts, "assistant"):
            yield _message("assistant", shown)

    def _call(self, call: Call) -> dict[str, Any]:
        return {
            "type": "function_call",
            "call_id": self._calls.of(call),
            "name": call.name,
            "arguments": call.arguments or "{}",
        }

    def _result(self, result: Result) -> dict[str, Any]:
        shown = self._shown(result.content, "user")
        if result.error:
            self.changes.add("dropped", "messages.result.error")
        if all(part["type"] == "input_text" for part in shown):
            said: Any = "\n\n".join(part["text"] for part in shown)
        else:
            said = shown
        return {"type": "function_call_output", "call_id": self._calls.answered(result), "output": said}

    def _shown(self, parts: Iterable[Part], role: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Text) and part.text:
                found.append(_text(part.text, role))
            elif isinstance(part, Refusal) and part.text:
                found.append(
                    {"type": "refusal", "refusal": part.text} if role == "assistant" else _text(part.text, role)
                )
            elif isinstance(part, Media) and (told := self._medium(part, role)):
                found.append(told)
        return found

    def _medium(self, part: Media, role: str) -> dict[str, Any] | None:
        """Only a user, or a tool, shows media."""
        if said := text_of(part):
            self.changes.add("rewritten", "messages.file")
            return _text(said, role)
        told = media.foreign(part) if role == "user" else None
        if told is None:
            self.changes.add("dropped", f"messages.{part.kind}")
        return told


def _text(said: str, role: str) -> dict[str, Any]:
    return {"type": usual(role), "text": said}


def _message(role: str, shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": shown}
