"""Anthropic Messages: a conversation of another dialect, as the API takes it.

Rule of this module: turns of user and assistant alternate and begin with a user's; results come first in theirs, in the
order of their calls; no text is empty. System text among the messages stands where the API takes it, between what the
user said and the answer; for a model that takes none there, none is here. Every turn is an array of blocks, so that a
longer conversation begins as a shorter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from policyroute.changes import Change, Changes
from policyroute.dialects.anthropic import media
from policyroute.dialects.turns import arguments, merged, only_text, opening
from policyroute.request.prompt import Call, Media, Other, Part, Refusal, Result, Text, Thought, Turn

Block = dict[str, Any]

FILLER: Final[Block] = {"type": "text", "text": "."}


def conversation(turns: Iterable[Turn]) -> tuple[dict[str, Any], list[Change]]:
    """`system` and `messages`."""
    said = merged(turns)
    at = opening(said)
    conversation = _Conversation()
    system = [text for turn in said[:at] if (text := conversation.system_text(turn)).strip()]
    for turn in said[at:]:
        if turn.role == "system":
            conversation.system(turn)
        else:
            conversation.turn(turn)
    data: dict[str, Any] = {}
    if system:
        data["system"] = system[0] if len(system) == 1 else [_text(text) for text in system]
    return {**data, "messages": conversation.messages()}, list(conversation.changes.all())


def _text(said: str) -> Block:
    return {"type": "text", "text": said}


def _add(messages: list[tuple[str, list[Block]]], role: str, blocks: list[Block]) -> None:
    if messages and messages[-1][0] == role:
        messages[-1][1].extend(blocks)
    else:
        messages.append((role, list(blocks)))


class _Conversation:
    """The messages as they are put together. `calls` are the ids of all calls so far, with their place among them."""

    def __init__(self) -> None:
        self.changes = Changes()
        self._messages: list[tuple[str, list[Block]]] = []
        self._system = False
        self._calls: dict[str, int] = {}
        self._open: dict[str, str] = {}
        self._count = 0

    def messages(self) -> list[dict[str, Any]]:
        found = self._placed() if self._system else self._messages
        if not found or found[0][0] == "assistant":
            found.insert(0, ("user", [FILLER]))
            self.changes.add("added", "messages")
        return [{"role": role, "content": self._ordered(blocks)} for role, blocks in found]

    def _placed(self) -> list[tuple[str, list[Block]]]:
        """With system text as the user's, where it may not stand as what it is."""
        found: list[tuple[str, list[Block]]] = []
        for at, (role, blocks) in enumerate(self._messages):
            if role == "system" and not self._may_stand(at, found):
                self.changes.add("rewritten", "messages.system")
                _add(found, "user", [_text(f"<system>\n{block['text']}\n</system>") for block in blocks])
            else:
                _add(found, role, blocks)
        return found

    def _may_stand(self, at: int, before: list[tuple[str, list[Block]]]) -> bool:
        after = self._messages[at + 1][0] if at + 1 < len(self._messages) else "assistant"
        return bool(before) and before[-1][0] == "user" and after == "assistant"

    def system_text(self, turn: Turn) -> str:
        for part in turn.parts:
            if isinstance(part, Media):
                self.changes.add("dropped", f"messages.{part.kind}")
        return "\n".join(part.text for part in turn.parts if isinstance(part, Text))

    def system(self, turn: Turn) -> None:
        text = self.system_text(turn)
        if text.strip():
            self._system = True
            _add(self._messages, "system", [_text(text)])

    def turn(self, turn: Turn) -> None:
        said = only_text(turn)
        if said and not said.isspace():
            _add(self._messages, turn.role, [_text(said)])
            return
        blocks = [block for part in turn.parts if (block := self._block(part, turn.role)) is not None]
        if blocks:
            _add(self._messages, turn.role, blocks)
        elif turn.role == "user" and (not self._messages or self._messages[-1][0] == "assistant"):
            _add(self._messages, "user", [FILLER])

    def _ordered(self, blocks: list[Block]) -> list[Block]:
        results = [block for block in blocks if block["type"] == "tool_result"]
        results.sort(key=lambda block: self._calls.get(block["tool_use_id"], 0))
        return [*results, *[block for block in blocks if block["type"] != "tool_result"]]

    def _block(self, part: Part, role: str) -> Block | None:
        match part:
            case Text():
                return _text(part.text) if part.text.strip() else None
            case Call():
                return self._call(part)
            case Result():
                return self._result(part)
            case Media():
                return self._media(part, role)
            case Refusal():
                self.changes.add("rewritten", "messages.refusal")
                return _text(part.text) if part.text.strip() else None
            case Thought():
                self.changes.add("dropped", "messages.thought")
            case Other():
                pass  # whoever translates says so
        return None

    def _call(self, call: Call) -> Block:
        id_ = call.id or f"call_{self._count}"
        self._calls[id_] = self._count
        self._open[id_] = call.name
        self._count += 1
        return {"type": "tool_use", "id": id_, "name": call.name, "input": arguments(call.arguments)}

    def _result(self, result: Result) -> Block | None:
        told = [found for part in result.content if (found := self._block(part, "user")) is not None]
        id_ = result.call_id or next((id_ for id_, name in self._open.items() if result.name in ("", name)), "")
        if not id_:
            self.changes.add("dropped", "messages.result")
            return None
        self._open.pop(id_, None)
        block: Block = {"type": "tool_result", "tool_use_id": id_}
        if told:
            block["content"] = told[0]["text"] if len(told) == 1 and "text" in told[0] else told
        if result.error:
            block["is_error"] = True
        return block

    def _media(self, part: Media, role: str) -> Block | None:
        block = media.foreign(part) if role == "user" else None
        if block is None:
            self.changes.add("dropped", f"messages.{part.kind}")
        elif part.detail not in ("", "auto"):
            self.changes.add("dropped", "messages.detail")
        return block
