"""OpenAI Responses, the answer side: provider bytes to events, streamed and whole.

Rule of this module: a stream is complete only with its `response.completed` or `response.incomplete`, whatever came
before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.dialects.openai_responses.kept_answer import keep
from policyroute.dialects.openai_responses.response import ResponseReader
from policyroute.dialects.shapes import obj
from policyroute.dialects.sse import plain_events
from policyroute.dialects.stream import CUT, EMPTY, UNREADABLE, SseStream, parse
from policyroute.events import Broken, FinishReason, StreamEvent
from policyroute.failures import Failure


class ResponsesStream(SseStream):
    """A stream of named events, each of which says in its data what it is."""

    _words = b""  # every event has a number of its own: none is like the one before

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(secrets)
        self._response = ResponseReader(secrets)

    def _datas(self, chunk: bytes) -> list[bytes] | None:
        return plain_events(chunk)

    def _read(self, value: dict[str, Any], events: list[StreamEvent]) -> bool:
        whole = self._response.read(value, events)
        self._done = self._response.finished is not None
        return whole

    def _incomplete(self) -> Failure | None:
        if not self._done:
            return UNREADABLE if self.malformed and not self._response.started else CUT
        return _lacking(self._response)

    def _answer(self, body: bytes) -> list[StreamEvent]:
        return read_answer(body, self._secrets)


def read_answer(body: bytes, secrets: Iterable[str] = (), *, everything: bool = False) -> list[StreamEvent]:
    """A whole JSON answer as events. The last is a `Broken` where it is an error, empty, or no answer at all."""
    answer = obj(parse(body))
    if not (isinstance(answer.get("output"), list) or answer.get("status") or answer.get("error")):
        return [Broken(UNREADABLE)]
    response = ResponseReader(secrets)
    events: list[StreamEvent] = []
    if not response.read_whole(answer, events):
        return events
    failure = _lacking(response)
    if everything and not failure:
        return keep(answer, events)
    return [*events, Broken(failure)] if failure else events


def _lacking(response: ResponseReader) -> Failure | None:
    """An answer that was stopped by a limit, a filter or a refusal may well be empty."""
    return None if response.substance or response.finished is not FinishReason.STOP else EMPTY
