"""OpenAI Responses, telling answers: a stream.

Rule of this module: each item has one place and is told in parts and then whole. What is spoken ends when anything else
begins; a call ends then too if its arguments are whole, else with the answer, as more of them may come. Nearly every
event is a word: what stands around it is made once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.dialects.openai_responses import words
from policyroute.dialects.openai_responses.kept import MADE_UP, disowned
from policyroute.dialects.openai_responses.output import (
    SPELLINGS,
    Called,
    Kept,
    Spoken,
    Status,
    Words,
    begun,
    unique,
)
from policyroute.dialects.shapes import count, dumps, loads, obj, text
from policyroute.dialects.translation import Frame
from policyroute.events import (
    Finished,
    FinishReason,
    OtherContent,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)

_CALL = "response.function_call_arguments"
_BEGINS = ("response.created", "response.queued", "response.in_progress")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


class ResponsesWriter:
    """The `StreamWriter` of `openai_responses`. `response` is what it ends with, once it has."""

    def __init__(self, frame: Frame) -> None:
        self.lost: set[str] = set()
        self.response: dict[str, Any] = {}
        self._frame = frame
        self._id = self._model = ""
        self._reason: FinishReason | None = None
        self._refused = False
        self._usage: Usage | None = None
        self._number = 0
        self._items: dict[int, Spoken | Called | Kept] = {}  # by their places
        self._spoken: Spoken | None = None  # the one that is not whole
        self._calls: dict[int, Called] = {}
        self._open: list[Called] = []
        self._kind: type[Words] | None = None  # of the words that are being told
        self._word = b""  # what stands before each of them
        self._said: list[str] = []  # where those words are gathered
        self._over = self._resumed = False

    def recall(self, event: dict[str, Any]) -> None:
        kind = text(event.get("type"))
        self._resumed = True
        self._number = max(self._number, count(event.get("sequence_number")) + 1)
        place = count(event.get("output_index"))
        item = self._items.get(place)
        if kind in _BEGINS:
            self.response = obj(event.get("response"))
        elif kind in _ENDS:
            self._over = True
        elif kind == "response.output_item.added" and event.get("item"):
            self._items[place] = begun(obj(event.get("item")), place)
            self._find_open()
        elif kind == "response.output_item.done":
            self._items[place] = Kept(obj(event.get("item")), place)
            self._find_open()
        elif isinstance(item, Spoken):
            item.recall(kind, event)
            self._refused = self._refused or kind == "response.refusal.delta"
        elif isinstance(item, Called):
            item.recall(kind, event)

    def _find_open(self) -> None:
        self._open = [item for item in self._items.values() if isinstance(item, Called)]
        self._spoken = next((item for item in reversed(self._items.values()) if isinstance(item, Spoken)), None)

    def write(self, events: Iterable[StreamEvent]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if isinstance(event, Words) and event.__class__ is self._kind and event.text and not event.choice:
                self._said.append(event.text)
                self._tell_word(self._word, event.text, out)
            else:
                self._tell(event, out)
        return b"".join(out)

    def end(self) -> bytes:
        out: list[bytes] = []
        if self._over:
            return b""
        self._begin(out)
        status, why = words.ending(self._reason or FinishReason.STOP, refused=self._refused)
        last: Status = "completed" if status == "completed" else "incomplete"
        self._end_spoken(out, last)
        for call in self._open:
            self._end_call(call, out, last)
        output = [self._items[place].as_json() for place in sorted(self._items)]
        if self._resumed:
            output = [disowned(item) for item in output]
        self.response = words.ended(self.response, status, why, output, self._usage)
        self._event(f"response.{status}", {"response": self.response}, out)
        return b"".join(out)

    def _tell(self, event: StreamEvent, out: list[bytes]) -> None:
        if getattr(event, "choice", 0):
            self.lost.add("choices")
            return
        match event:
            case TextDelta() | RefusalDelta() | ReasoningDelta():
                if event.text:
                    self._say(event, out)
            case ToolCallDelta():
                self._call(event, out)
            case OtherContent():
                self.lost.add(event.kind)
            case _:
                self._note(event)

    def _note(self, event: StreamEvent) -> None:
        """What is told when its time comes."""
        match event:
            case Started():
                self._id, self._model = self._id or event.id, self._model or event.model
            case Usage():
                self._usage = event
            case Finished():
                self._reason = self._reason or event.reason
            case _:
                pass

    def _say(self, event: Words, out: list[bytes]) -> None:
        spelling = SPELLINGS[type(event)]
        item = self._spoken
        if item is None or item.kind != spelling.item:
            self._settle(out)
            kept = f"msg_{self._frame.id}" if spelling.item == "message" else MADE_UP + self._frame.id
            place = self._next()
            item = self._spoken = Spoken(f"{kept}_{place}", place, spelling.item)
            self._add(item, out)
        part = item.takes(spelling)
        if part is None:
            self._end_parts(item, out)
            part = item.begin(spelling)
            self._event(f"{spelling.part_event}.added", item.at(part) | {"part": part.as_json("")}, out)
        part.said.append(event.text)
        self._refused = self._refused or isinstance(event, RefusalDelta)
        before = {"type": f"{part.spelling.event}.delta", **item.at(part), **spelling.beside_words}
        word = _before(before)
        self._kind, self._word, self._said = type(event), word, part.said
        self._tell_word(word, event.text, out)

    def _next(self) -> int:
        """The place of the next item."""
        return max(self._items, default=-1) + 1

    def _call(self, event: ToolCallDelta, out: list[bytes]) -> None:
        call = self._calls.get(event.index)
        if call is None:
            self._settle(out)
            place = self._next()
            call_id = unique(event.id or "", self._calls.values(), f"call_{self._frame.id}_{place}")
            call = self._calls[event.index] = Called(f"fc_{self._frame.id}_{place}", place, call_id, event.name or "")
            self._add(call, out)
            self._open.append(call)
        elif call not in self._open:
            if event.arguments.strip():
                self.lost.add("tool_calls")
            return
        if event.arguments:
            self._argue(call, event.arguments, out)

    def _argue(self, call: Called, said: str, out: list[bytes]) -> None:
        call.said.append(said)
        self._tell_word(_before({"type": f"{_CALL}.delta", "item_id": call.id, "output_index": call.place}), said, out)

    def _settle(self, out: list[bytes]) -> None:
        """Something else begins: end what is whole."""
        self._end_spoken(out, "completed")
        for call in [call for call in self._open if _is_whole(call.arguments())]:
            self._end_call(call, out, "completed")
            self._open.remove(call)

    def _add(self, item: Spoken | Called, out: list[bytes]) -> None:
        self._begin(out)
        self._items[item.place] = item
        self._event("response.output_item.added", {"output_index": item.place, "item": item.as_json()}, out)

    def _end_spoken(self, out: list[bytes], status: Status) -> None:
        self._kind = None
        if self._spoken is not None:
            spoken = [item for item in self._items.values() if isinstance(item, Spoken)]
            for item in [each for each in spoken if each.status == "in_progress"]:
                self._end_parts(item, out)
                self._end_item(item, out, status)
            self._spoken = None

    def _end_parts(self, item: Spoken, out: list[bytes]) -> None:
        self._kind = None
        for part in [one for one in item.parts if not one.over]:
            at, spelling, said = item.at(part), part.spelling, part.text()
            if not part.told:
                self._event(f"{spelling.event}.done", {**at, **spelling.beside_words, spelling.name: said}, out)
            self._event(f"{spelling.part_event}.done", {**at, "part": part.as_json(said)}, out)
            part.told = part.over = True

    def _end_call(self, call: Called, out: list[bytes], status: Status) -> None:
        """Arguments that never came are those of an object with nothing in it."""
        if not call.arguments():
            self._argue(call, "{}", out)
        if not call.told:
            done = {"item_id": call.id, "output_index": call.place, "name": call.name, "arguments": call.arguments()}
            self._event(f"{_CALL}.done", done, out)
        self._end_item(call, out, status)

    def _end_item(self, item: Spoken | Called, out: list[bytes], status: Status) -> None:
        item.status = status
        self._event("response.output_item.done", {"output_index": item.place, "item": item.as_json()}, out)

    def _begin(self, out: list[bytes]) -> None:
        """The model is the one known when the first item is told."""
        if not self.response:
            self.response = words.response(self._frame, words.response_id(self._frame, self._id), self._model)
            self._event("response.created", {"response": self.response}, out)
            self._event("response.in_progress", {"response": self.response}, out)

    def _event(self, kind: str, fields: dict[str, Any], out: list[bytes]) -> None:
        data = dumps({"type": kind, **fields, "sequence_number": self._number})
        out += (b"event: ", kind.encode(), b"\ndata: ", data, b"\n\n")
        self._number += 1

    def _tell_word(self, before: bytes, said: str, out: list[bytes]) -> None:
        out += (before, dumps(said), b',"sequence_number":%d}\n\n' % self._number)
        self._number += 1


class Gathering(ResponsesWriter):
    """Tells nothing: the response at the end is all that is wanted."""

    def _event(self, kind: str, fields: dict[str, Any], out: list[bytes]) -> None:
        del kind, fields, out

    def _tell_word(self, before: bytes, said: str, out: list[bytes]) -> None:
        del before, said, out


def _before(fields: dict[str, Any]) -> bytes:
    """An event of words up to the words."""
    return b"event: %s\ndata: %s" % (fields["type"].encode(), dumps(fields)[:-1] + b',"delta":')


def _is_whole(arguments: str) -> bool:
    """Whether no more of them can come."""
    said = arguments.rstrip()
    return said.endswith(("}", "]")) and loads(said) is not None
