"""OpenAI Chat Completions: the turns of another dialect's prompt as messages.

Rule of this module: what there are no words for is left out and noted, and a message does not depend on what follows
it: a longer conversation begins as the shorter one did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from policyroute.changes import Changes
from policyroute.dialects.openai import CallIds, text_of
from policyroute.dialects.openai_chat import media
from policyroute.dialects.turns import merged, only_text
from policyroute.request.prompt import Call, Media, Part, Refusal, Result, Text, Thought, Turn


class Telling:
    """Tells one conversation. `changes` are what it says otherwise, each once, in order."""

    def __init__(self, *, echo: bool = False) -> None:
        """`echo`: thoughts are told too, under the name that most compatible servers have for them."""
        self.changes = Changes()
        self._echo = echo
        self._calls = CallIds()

    def messages(self, turns: Iterable[Turn]) -> list[dict[str, Any]]:
        return [message for turn in merged(turns) for message in self._turn(turn)]

    def _turn(self, turn: Turn) -> Iterable[dict[str, Any]]:
        said = only_text(turn)
        return ({"role": turn.role, "content": said},) if said else self._parts(turn)

    def _parts(self, turn: Turn) -> Iterator[dict[str, Any]]:
        if turn.role == "assistant":
            yield from self._answer(turn.parts)
            return
        moved: list[Media] = []
        for part in turn.parts:
            if isinstance(part, Result):
                yield self._result(part, moved)
        shown = self._shown((*moved, *turn.parts), turn.role)
        if shown:
            yield {"role": turn.role, "content": _content(shown)}

    def _answer(self, parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if shown := self._shown(parts, "assistant"):
            message["content"] = _content(shown)
        if refused := "".join(part.text for part in parts if isinstance(part, Refusal)):
            message["refusal"] = refused
        if calls := [self._call(part) for part in parts if isinstance(part, Call)]:
            message["tool_calls"] = calls
        thoughts = [part.text for part in parts if isinstance(part, Thought)]
        if thoughts and not self._echo:
            self.changes.add("dropped", "messages.thought")
        if len(message) > 2 or message["content"] is not None:
            if thoughts and self._echo:
                message["reasoning_content"] = "".join(thoughts)
            yield message

    def _call(self, call: Call) -> dict[str, Any]:
        return {
            "id": self._calls.of(call),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
        }

    def _result(self, result: Result, moved: list[Media]) -> dict[str, Any]:
        texts: list[str] = []
        for part in result.content:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, Media):
                self.changes.add("moved", f"messages.result.{part.kind}")
                moved.append(part)
        if result.error:
            self.changes.add("dropped", "messages.result.error")
        return {"role": "tool", "tool_call_id": self._calls.answered(result), "content": "\n\n".join(texts)}

    def _shown(self, parts: Iterable[Part], role: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Text):
                if part.text:
                    found.append({"type": "text", "text": part.text})
            elif isinstance(part, Media) and (told := self._medium(part, role)):
                found.append(told)
        return found

    def _medium(self, part: Media, role: str) -> dict[str, Any] | None:
        """Only a user shows media."""
        if said := text_of(part):
            self.changes.add("rewritten", "messages.file")
            return {"type": "text", "text": said}
        told = media.told(part) if role == "user" else None
        if told is None:
            self.changes.add("dropped", f"messages.{part.kind}")
        return told


def _content(shown: list[dict[str, Any]]) -> Any:
    """Texts alone as one: not every compatible server takes an array of parts."""
    if all(part["type"] == "text" for part in shown):
        return "\n\n".join(part["text"] for part in shown)
    return shown
