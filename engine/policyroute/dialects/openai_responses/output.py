"""OpenAI Responses, telling answers: the items of an answer, and how they are spelled.

Rule of this module: what an item says is gathered here, once, for the events that end it and for the response that
repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from policyroute.dialects.shapes import count, items, obj, text, without
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


_IN_FULL: Final = Spelling(
    "reasoning",
    "reasoning_text",
    "text",
    "response.content_part",
    "response.reasoning_text",
    "content_index",
    {},
    {},
)
"""What others may think in full. We tell it as a summary."""
_SPELT: Final = (*SPELLINGS.values(), _IN_FULL)


@dataclass(slots=True)
class Part:
    """`beside` is what stands in it too. `told`: its words, as a whole; `over`: it, as a whole."""

    spelling: Spelling
    place: int
    beside: dict[str, Any]
    said: list[str] = field(default_factory=list[str])
    told: bool = False
    over: bool = False

    def text(self) -> str:
        return "".join(self.said)

    def as_json(self, said: str) -> dict[str, Any]:
        return {"type": self.spelling.part, **self.beside, self.spelling.name: said}

    def recall(self, name: str, step: str, event: dict[str, Any]) -> None:
        """What the client was told of it."""
        if step == "delta":
            self.said.append(text(event.get("delta")))
        elif step == "added":
            self.beside["annotations"] = [*items(self.beside.get("annotations")), event.get("annotation")]
        elif name == self.spelling.event:
            self.told = True
        else:
            self.told = self.over = True
            self.beside = without(obj(event.get("part")), "type", self.spelling.name)


@dataclass(slots=True)
class Spoken:
    """A message, or what was thought. `begun` is what others said with its beginning."""

    id: str
    place: int
    kind: Literal["message", "reasoning"]
    parts: list[Part] = field(default_factory=list[Part])
    status: Status = "in_progress"
    begun: dict[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        if self.kind == "message":
            return {
                **self.begun,
                "id": self.id,
                "type": "message",
                "status": self.status,
                "content": self._told("content_index"),
                "role": "assistant",
            }
        said = {**self.begun, "id": self.id, "type": "reasoning", "summary": self._told("summary_index")}
        if full := self._told("content_index"):
            said["content"] = full
        return said | {"status": self.status} if "status" in said else said

    def _told(self, position: str) -> list[dict[str, Any]]:
        return [part.as_json(part.text()) for part in self.parts if part.spelling.position == position]

    def takes(self, spelling: Spelling) -> Part | None:
        """The open part where words of this kind go on, if there is one."""
        part = self.parts[-1] if self.parts else None
        if part is None or part.told:
            return None
        return part if part.spelling.part == spelling.part or self.kind == "reasoning" else None

    def begin(self, spelling: Spelling, place: int | None = None) -> Part:
        """A new part: the next of its kind."""
        if place is None:
            places = [part.place for part in self.parts if part.spelling.position == spelling.position]
            place = max(places, default=-1) + 1
        part = Part(spelling, place, dict(spelling.beside))
        self.parts.append(part)
        return part

    def at(self, part: Part) -> dict[str, Any]:
        """Where a part of it is."""
        return {"item_id": self.id, "output_index": self.place, part.spelling.position: part.place}

    def recall(self, kind: str, event: dict[str, Any]) -> None:
        """What the client was told of it."""
        name, _, step = kind.rpartition(".")
        name = name.removesuffix(".annotation")
        if name.endswith("_part") and step == "added":
            given = obj(event.get("part"))
            for spelling in [each for each in _SPELT if each.part == given.get("type")]:
                part = self.begin(spelling._replace(part_event=name), count(event.get(spelling.position)))
                part.beside = without(given, "type", spelling.name)
                part.said.append(text(given.get(spelling.name)))
            return
        for part in self.parts:
            spelling = part.spelling
            if name in (spelling.event, spelling.part_event) and count(event.get(spelling.position)) == part.place:
                part.recall(name, step, event)


@dataclass(frozen=True, slots=True)
class Kept:
    """An item as others told it."""

    item: dict[str, Any]
    place: int

    def as_json(self) -> dict[str, Any]:
        return self.item


def begun(item: dict[str, Any], place: int) -> Spoken | Called | Kept:
    """An item that others began. What is sealed of a thought is of no use, unless all of it is there."""
    kind, given = item.get("type"), without(item, "encrypted_content")
    if kind == "message":
        return Spoken(text(item.get("id")), place, "message", begun=given)
    if kind == "reasoning":
        return Spoken(text(item.get("id")), place, "reasoning", begun=given)
    if kind == "function_call":
        call = Called(text(item.get("id")), place, text(item.get("call_id")), text(item.get("name")), begun=given)
        call.said.append(text(item.get("arguments")))
        return call
    return Kept(item, place)


@dataclass(slots=True)
class Called:
    """A call of a tool of the client's."""

    id: str
    place: int
    call_id: str
    name: str
    said: list[str] = field(default_factory=list[str])
    status: Status = "in_progress"
    told: bool = False
    """That these are all its arguments."""
    begun: dict[str, Any] = field(default_factory=dict[str, Any])

    def arguments(self) -> str:
        return "".join(self.said)

    def recall(self, kind: str, event: dict[str, Any]) -> None:
        """What the client was told of it."""
        if kind == "response.function_call_arguments.delta":
            self.said.append(text(event.get("delta")))
        self.told = self.told or kind == "response.function_call_arguments.done"

    def as_json(self) -> dict[str, Any]:
        return {
            **self.begun,
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
