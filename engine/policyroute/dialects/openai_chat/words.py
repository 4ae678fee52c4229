"""OpenAI Chat Completions, telling answers: the words for ends and usage, and how calls are numbered.

Rule of this module: what the stream and the whole answer say alike stands here, once.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.shapes import obj
from policyroute.events import FinishReason, ToolCallDelta, Usage
from policyroute.request import ModelRequest

ID: Final = "chatcmpl-"
_REASONS: Final = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.REFUSAL: "content_filter",
    FinishReason.ERROR: "error",
}


def reason(said: FinishReason, *, called: bool, refused: bool) -> str:
    """A refusal that was put into words ends like any answer; one that was not is what a filter does."""
    if said is FinishReason.STOP and called:
        return "tool_calls"
    if said is FinishReason.REFUSAL and refused:
        return "stop"
    return _REASONS[said]


def usage(said: Usage) -> dict[str, Any]:
    given = {"cached_tokens": said.cached_input}
    if said.cache_write:
        given["cache_write_tokens"] = said.cache_write
    return {
        "prompt_tokens": said.input,
        "completion_tokens": said.output,
        "total_tokens": said.input + said.output,
        "prompt_tokens_details": given,
        "completion_tokens_details": {"reasoning_tokens": said.reasoning},
    }


class Calls:
    """Numbers the calls of an answer: those of a choice without gaps, from zero, in the order they came in."""

    def __init__(self, frame_id: str) -> None:
        self._frame_id = frame_id
        self._numbers: dict[tuple[int, int], int] = {}
        self._of: dict[int, int] = {}

    def number(self, event: ToolCallDelta) -> tuple[int, bool]:
        """The call's number, and whether it is new."""
        key = (event.choice, event.index)
        known = self._numbers.get(key)
        if known is not None:
            return known, False
        number = self._numbers[key] = self._of.get(event.choice, 0)
        self._of[event.choice] = number + 1
        return number, True

    def told(self, choice: int, number: int) -> None:
        """The client knows this call already, by a number that no event has."""
        self._numbers[choice, -1 - number] = number
        self._of[choice] = max(self._of.get(choice, 0), number + 1)

    def any(self, choice: int) -> bool:
        return choice in self._of

    def begun(self, event: ToolCallDelta) -> dict[str, Any]:
        """A new call, as far as it is known with its first event."""
        call_id = event.id or f"call_{self._frame_id}_{len(self._numbers) - 1}"
        return {"id": call_id, "type": "function", "function": {"name": event.name or "", "arguments": event.arguments}}


def older(request: ModelRequest) -> bool:
    """Whether the client knows calls by their older name, and but one in an answer: it declared `functions`."""
    return bool(request.data.get("functions")) and not request.data.get("tools")


def wants_usage(request: ModelRequest) -> bool:
    return obj(request.data.get("stream_options")).get("include_usage") is True
