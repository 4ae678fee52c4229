"""OpenAI Responses, the answer side: the events of a stream, or a whole answer, to ours.

Rule of this module: it knows the grammar (a response of items, each told in parts and then whole) and nothing of bytes
or framing. What was told in parts is not told again; what a server tells only as a whole is told then. Items that only
this dialect has words for are `OtherContent`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from policyroute.dialects.errors import classify_object
from policyroute.dialects.shapes import compact, count, items, obj, text
from policyroute.events import (
    Broken,
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
from policyroute.failures import Failure, FailureKind

CALLS: Final = ("function_call", "custom_tool_call")
_SPOKEN: Final[dict[str, type[TextDelta | RefusalDelta | ReasoningDelta]]] = {
    "response.output_text.delta": TextDelta,
    "response.refusal.delta": RefusalDelta,
    "response.reasoning_summary_text.delta": ReasoningDelta,
    "response.reasoning_text.delta": ReasoningDelta,
}
_ARGUMENTS: Final = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_ENDS: Final = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}
_BEGUN: Final = ("queued", "in_progress")
_CANCELLED: Final = Failure(FailureKind.STREAM_BROKEN, "The answer was cancelled at the provider.")
_FAILED: Final = Failure(FailureKind.UNAVAILABLE, "The provider ended the answer with an error.")


class ResponseReader:
    """Turns events into ours, keeping what must not be said twice.

    `started` is set once a response began, `substance` once anything was answered; `finished` is how it ended, None
    until it has.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.finished: FinishReason | None = None
        self.started = False
        self.substance = False
        self._secrets = secrets
        self._refused = False
        self._calls: dict[int, int] = {}
        self._told: set[int] = set()
        self._known: set[int] = set()

    def read(self, event: dict[str, Any], events: list[StreamEvent]) -> bool:
        """Add what one event says. False where the last of that is a `Broken`."""
        kind = text(event.get("type"))
        spoken = _SPOKEN.get(kind)
        if spoken is not None:
            self._say(spoken, _place(event), text(event.get("delta")), events)
        elif kind in _ARGUMENTS:
            self._argue(_place(event), text(event.get("delta")), events)
        elif kind == "error" or event.get("error"):
            # By the API's own book what is wrong stands at the top.
            events.append(Broken(classify_object(event if event.get("error") else {"error": event}, self._secrets)))
            return False
        elif kind == "response.output_item.added":
            self._begin(_place(event), obj(event.get("item")), events)
        elif kind == "response.output_item.done":
            self._item(_place(event), obj(event.get("item")), events)
        elif kind in _ENDS:
            return self._end(_ENDS[kind], obj(event.get("response")), events)
        elif "response" in event:
            self._start(obj(event["response"]), events)
        return True

    def read_whole(self, response: dict[str, Any], events: list[StreamEvent]) -> bool:
        """The same of an answer that came at once. False where it is an error."""
        status = text(response.get("status")) or ("failed" if response.get("error") else "completed")
        return self._end(status, response, events)

    def _start(self, response: dict[str, Any], events: list[StreamEvent]) -> None:
        if not self.started:
            self.started = True
            events.append(Started(text(response.get("id")), text(response.get("model"))))

    def _begin(self, place: int, item: dict[str, Any], events: list[StreamEvent]) -> None:
        """An item is there, and mostly empty yet."""
        kind = text(item.get("type"))
        if place in self._known:
            return
        self._known.add(place)
        if kind in CALLS:
            number = self._calls[place] = len(self._calls)
            self.substance = True
            called = text(item.get("call_id")) or text(item.get("id"))
            events.append(ToolCallDelta(number, called, text(item.get("name")), ""))
        elif kind and kind not in ("message", "reasoning"):
            self.substance = True
            events.append(OtherContent(kind))

    def _item(self, place: int, item: dict[str, Any], events: list[StreamEvent]) -> None:
        """An item as a whole: what of it was not told in parts is told now."""
        self._begin(place, item, events)
        if place in self._told:
            return
        kind = text(item.get("type"))
        if kind in CALLS:
            said = item.get("arguments", item.get("input"))
            self._argue(place, said if isinstance(said, str) else compact(obj(said)), events)
        elif kind == "reasoning":
            for part in items(item.get("summary")) or items(item.get("content")):
                self._say(ReasoningDelta, place, text(obj(part).get("text")), events)
        elif kind == "message":
            for part in map(obj, items(item.get("content"))):
                self._say(TextDelta, place, text(part.get("text")), events)
                self._say(RefusalDelta, place, text(part.get("refusal")), events)

    def _say(
        self,
        kind: type[TextDelta | RefusalDelta | ReasoningDelta],
        place: int,
        said: str,
        events: list[StreamEvent],
    ) -> None:
        if said:
            self.substance = True
            self._refused = self._refused or kind is RefusalDelta
            self._told.add(place)
            events.append(kind(said))

    def _argue(self, place: int, said: str, events: list[StreamEvent]) -> None:
        if said and place in self._calls:
            self._told.add(place)
            events.append(ToolCallDelta(self._calls[place], None, None, said))

    def _end(self, status: str, response: dict[str, Any], events: list[StreamEvent]) -> bool:
        """Nothing comes after this, though some servers tell all of it only now."""
        broken = self._trouble(status, response)
        if broken is not None:
            events.append(Broken(broken))
            return False
        self._start(response, events)
        for place, item in enumerate(items(response.get("output"))):
            self._item(place, obj(item), events)
        if status in _BEGUN:  # it goes on in the background, and this is what was asked for
            self.substance = True
            events.append(OtherContent(status))
        if usage := obj(response.get("usage")):
            events.append(read_usage(usage, text(response.get("service_tier"))))
        self.finished = self._reason(status, response)
        events.append(Finished(self.finished))
        return True

    def _trouble(self, status: str, response: dict[str, Any]) -> Failure | None:
        if response.get("error"):
            return classify_object(response, self._secrets)
        return {"failed": _FAILED, "cancelled": _CANCELLED}.get(status)

    def _reason(self, status: str, response: dict[str, Any]) -> FinishReason:
        if status == "incomplete":
            why = obj(response.get("incomplete_details")).get("reason")
            return FinishReason.CONTENT_FILTER if why == "content_filter" else FinishReason.LENGTH
        if self._calls:
            return FinishReason.TOOL_CALLS
        return FinishReason.REFUSAL if self._refused else FinishReason.STOP


def _place(event: dict[str, Any]) -> int:
    place = event.get("output_index")
    return place if isinstance(place, int) else 0


def read_usage(usage: dict[str, Any], tier: str = "") -> Usage:
    """Input includes cached tokens and output includes reasoning, whatever the provider counts. `tier` is said beside
    it."""
    asked, answered = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    given = obj(usage.get("input_tokens_details"))
    reasoning = count(obj(usage.get("output_tokens_details")).get("reasoning_tokens"))
    if reasoning and count(usage.get("total_tokens")) == asked + answered + reasoning:
        answered += reasoning
    cached, written = count(given.get("cached_tokens")), count(given.get("cache_write_tokens"))
    return Usage(asked, answered, cached, written, reasoning, tier=tier)
