"""Gemini: the turns of a `Prompt` as a body's contents.

Rule of this module: as in `write`. A turn is written from itself and from what was before it, so that a conversation
that goes on begins with the same bytes.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.changes import Changes
from policyroute.dialects import turns
from policyroute.dialects.gemini.left import put_back
from policyroute.dialects.gemini.media import written_media
from policyroute.dialects.gemini.said import written_response
from policyroute.request.prompt import Call, Media, Other, Part, Prompt, Refusal, Result, Text, Thought, Turn

_NOT_SIGNED: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""The signature of a call that another model made: the first call of a turn has to have one from Gemini 3 on."""


class Contents:
    """`turns`, and what is the system instruction, if anything."""

    def __init__(self, prompt: Prompt, own: bool, changes: Changes) -> None:
        self._own = own
        self._changes = changes
        self._names = turns.names(prompt.turns)
        at = turns.opening(prompt.turns)
        self.turns: list[dict[str, Any]] = []
        for turn in prompt.turns[at:]:
            self._add(turn)
        self.system = self._system(prompt.turns[:at])
        if not own:
            self._sign()

    def _system(self, said: tuple[Turn, ...]) -> dict[str, Any] | None:
        parts = [written for turn in said for part in turn.parts for written in self._part(part)]
        extra = said[0].extra if said and self._own else None
        return put_back({"parts": parts} if parts else {}, extra) if parts or extra is not None else None

    def _add(self, turn: Turn) -> None:
        parts = [written for part in turn.parts for written in self._part(part)]
        if turn.role == "system":
            parts = [{"text": f"<system>\n{part['text']}\n</system>"} if "text" in part else part for part in parts]
            self._changes.add("rewritten", "messages.system")
        role = "model" if turn.role == "assistant" else "user"
        if self._own:
            self.turns.append(put_back({"role": role, **({"parts": parts} if parts else {})}, turn.extra))
        elif self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["parts"] += parts
        elif parts:
            self.turns.append({"role": role, "parts": parts})

    def _sign(self) -> None:
        for turn in self.turns:
            call = next((part for part in turn["parts"] if "functionCall" in part), None)
            if call is not None:
                call["thoughtSignature"] = _NOT_SIGNED

    def _part(self, part: Part) -> list[dict[str, Any]]:
        if isinstance(part, Other):
            return [part.raw] if self._own else []
        found = self._said(part)
        return [put_back(each, part.extra) for each in found] if self._own else found

    def _said(self, part: Text | Media | Thought | Refusal | Call | Result) -> list[dict[str, Any]]:
        found: dict[str, Any] | None
        match part:
            case Text(said):
                found = {"text": said} if said or self._own else None
            case Thought(said):
                found = self._thought(said)
            case Refusal(said):
                self._changes.add("rewritten", "messages.refusal")
                found = {"text": said} if said else None
            case Call():
                found = {"functionCall": self._call(part)}
            case Media():
                found = written_media(part, self._own, self._changes)
            case Result():
                return self._result(part)
        return [] if found is None else [found]

    def _thought(self, said: str) -> dict[str, Any] | None:
        if self._own:
            return {"text": said, "thought": True}
        self._changes.add("dropped", "messages.thought")
        return None

    def _call(self, call: Call) -> dict[str, Any]:
        said: dict[str, Any] = {"id": call.id} if call.id else {}
        said["name"] = call.name
        if call.arguments or not self._own:
            said["args"] = turns.arguments(call.arguments)
        return said

    def _result(self, result: Result) -> list[dict[str, Any]]:
        """Texts are one response. What else it gave stands inside where this dialect had it there, else after it."""
        said: dict[str, Any] = {"id": result.call_id} if result.call_id else {}
        said["name"] = result.name or self._names.get(result.call_id) or result.call_id or "tool"
        told = [part.text for part in result.content if isinstance(part, Text)]
        if told or not self._own:
            said["response"] = written_response("\n".join(told), result.error)
        beside = [each for part in result.content if not isinstance(part, Text) for each in self._part(part)]
        if beside and self._own:
            said["parts"] = beside
        elif beside:
            self._changes.add("moved", "messages.result.media")
            return [{"functionResponse": said}, *beside]
        return [{"functionResponse": said}]
