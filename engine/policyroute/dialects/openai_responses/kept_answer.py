"""OpenAI Responses: a whole answer as events that keep all of it, told again as it was.

Rule of this module: the answer is kept as it came, and what the events say is put where it was read: texts of one kind
in their order, calls by their number. An event that is missing takes what it said away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from policyroute.dialects.openai_responses import words
from policyroute.dialects.openai_responses.response import CALLS
from policyroute.dialects.shapes import compact, items, obj, text
from policyroute.events import (
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)

_WORDS: Final = (TextDelta, RefusalDelta, ReasoningDelta)


def keep(answer: dict[str, Any], events: Iterable[StreamEvent]) -> list[StreamEvent]:
    found = list(events)
    for event in found:
        if isinstance(event, Started):
            event.extra = answer
        elif isinstance(event, Usage | Finished):
            event.extra = {}  # as the answer has it; one that is put in its place has none
    return found


def told(answer: Mapping[str, Any], events: Iterable[StreamEvent]) -> dict[str, Any]:
    said = _Said(events)
    told = dict(answer)
    if isinstance(answer.get("output"), list):
        output = [said.item(raw) for raw in items(answer.get("output"))]
        told["output"] = [item for item in output if item is not None]
    if said.usage is not None and said.usage.extra is None:
        told["usage"] = {**obj(answer.get("usage")), **words.counted(said.usage)}
    if said.ended is not None and said.ended.extra is None:
        status, why = words.ending(said.ended.reason, refused=True)
        told |= {"status": status, "incomplete_details": {"reason": why} if why else None}
    return told


class _Said:
    """What events say, taken away as it is told."""

    def __init__(self, events: Iterable[StreamEvent]) -> None:
        self.usage: Usage | None = None
        self.ended: Finished | None = None
        self._texts = dict.fromkeys(_WORDS, "")
        self._calls: dict[int, tuple[str, str]] = {}
        self._called = 0
        for event in events:
            self._add(event)

    def _add(self, event: StreamEvent) -> None:
        match event:
            case TextDelta() | RefusalDelta() | ReasoningDelta():
                self._texts[type(event)] += event.text
            case ToolCallDelta():
                name, said = self._calls.get(event.index, ("", ""))
                self._calls[event.index] = (name or event.name or "", said + event.arguments)
            case Usage():
                self.usage = event
            case Finished():
                self.ended = event
            case _:
                pass

    def item(self, raw: Any) -> Any:
        """An item as it is told now; None where nothing of it is left."""
        item = obj(raw)
        kind = text(item.get("type"))
        if kind in CALLS:
            return self._call(item)
        if kind == "reasoning":
            name = "summary" if items(item.get("summary")) else "content"
            return self._with_parts(item, name, {"text": ReasoningDelta})
        if kind == "message":
            return self._with_parts(item, "content", {"text": TextDelta, "refusal": RefusalDelta})
        return raw

    def _call(self, item: dict[str, Any]) -> dict[str, Any] | None:
        call = self._calls.get(self._called)
        self._called += 1
        if call is None:
            return None
        name, said = call
        holder = "arguments" if "arguments" in item or "input" not in item else "input"
        given = item.get(holder)
        was = given if isinstance(given, str) else compact(obj(given))
        changed = {} if said == was else {holder: said}
        return {**item, **changed} if name == text(item.get("name")) else {**item, **changed, "name": name}

    def _with_parts(self, item: dict[str, Any], name: str, kinds: Mapping[str, Any]) -> dict[str, Any] | None:
        given = items(item.get(name))
        left = [part for part in (self._part(raw, kinds) for raw in given) if part is not None]
        if len(left) == len(given) and all(one is other for one, other in zip(left, given, strict=True)):
            return item
        return {**item, name: left} if left else None

    def _part(self, raw: Any, kinds: Mapping[str, Any]) -> Any:
        part = obj(raw)
        told: dict[str, str] = {}
        for name, kind in kinds.items():
            if was := text(part.get(name)):
                said = self._texts[kind]
                told[name], self._texts[kind] = said[: len(was)], said[len(was) :]
        if all(part[name] == said for name, said in told.items()):
            return raw
        return {**part, **told} if any(told.values()) else None
