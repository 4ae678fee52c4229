"""OpenAI Responses, telling answers: the items of an answer, and how they are spelled.

Rule of this module: what an item says is gathered here, once, for the events that end it and for the response that
repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from policyroute.dialects.shapes import obj, text
from policyroute.events import ReasoningDelta, RefusalDelta, TextDelta

Status = Literal["in_progress", "completed", "incomplete"]
Words = TextDelta | RefusalDelta | ReasoningDelta


class Spelling(NamedTuple):
    """Of one kind of words: the item and part they stand in, the events that tell both, and what is always beside."""

    item: Literal["message", "reasoning"]
    part: str
    name: str
    """Under which the words stand in their part."""
    part_event: str
    event: str
    position: str
    """The name of the part's number in those."""
    beside: dict[str, Any]
    """In the part."""
    beside_words: dict[str, Any]
    """In the events of the words."""


SPELLINGS: Final[dict[type[Words], Spelling]] = {
    TextDelta: Spelling(
        "message",
        "output_text",
        "text",
        "response.content_part",
        "response.output_text",
        "content_index",
        {"annotations": [], "logprobs": []},
        {"logprobs": []},
    ),
    RefusalDelta: Spelling(
        "message", "refusal", "refusal", "response.content_part", "response.refusal", "content_index", {}, {}
    ),
    ReasoningDelta: Spelling(
        "reasoning",
        "summary_text",
        "text",
        "response.reasoning_summary_part",
        "response.reasoning_summary_text",
        "summary_index",
        {},
        {},
    ),
}


@dataclass(slots=True)
class Part:
    spelling: Spelling
    said: list[str] = field(default_factory=list[str])

    def text(self) -> str:
        return "".join(self.said)

    def as_json(self, said: str) -> dict[str, Any]:
        return {"type": self.spelling.part, **self.spelling.beside, self.spelling.name: said}


@dataclass(slots=True)
class Spoken:
    """A message, or what was thought."""

    id: str
    place: int
    kind: Literal["message", "reasoning"]
    parts: list[Part] = field(default_factory=list[Part])
    status: Status = "in_progress"

    def as_json(self) -> dict[str, Any]:
        parts = [part.as_json(part.text()) for part in self.parts]
        if self.kind == "reasoning":
            return {"id": self.id, "type": "reasoning", "summary": parts}
        return {"id": self.id, "type": "message", "status": self.status, "content": parts, "role": "assistant"}

    def recall(self, kind: str, event: dict[str, Any]) -> None:
        """What the client was told of it."""
        if kind.endswith("_part.added"):
            part = obj(event.get("part"))
            spelling = next((each for each in SPELLINGS.values() if each.part == part.get("type")), None)
            if spelling is not None:
                self.parts.append(Part(spelling, [text(part.get(spelling.name))]))
        elif self.parts and kind == f"{self.parts[-1].spelling.event}.delta":
            self.parts[-1].said.append(text(event.get("delta")))


@dataclass(frozen=True, slots=True)
class Kept:
    """An item that others told whole, as they did."""

    item: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return self.item


def begun(item: dict[str, Any], place: int) -> Spoken | Kept:
    """An item that others began."""
    kind = item.get("type")
    if kind == "message":
        return Spoken(text(item.get("id")), place, "message")
    return Spoken(text(item.get("id")), place, "reasoning") if kind == "reasoning" else Kept(item)


@dataclass(slots=True)
class Called:
    """A call of a tool of the client's."""

    id: str
    place: int
    call_id: str
    name: str
    said: list[str] = field(default_factory=list[str])
    status: Status = "in_progress"

    def arguments(self) -> str:
        return "".join(self.said)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "function_call",
            "status": self.status,
            "arguments": self.arguments(),
            "call_id": self.call_id,
            "name": self.name,
        }


def unique(call_id: str, others: Iterable[Called], made: str) -> str:
    """The provider's id of a call, where it has one that is no other call's in this answer."""
    return call_id if call_id and all(call_id != other.call_id for other in others) else made
