"""Answers that are told in named events, each of which says in its data what it is, or at once.

Rule of this module: what an event says is its reader's to know. An answer is complete once its reader has seen the end
of it, whatever came before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from policyroute.dialects.sse import plain_events
from policyroute.dialects.stream import CUT, EMPTY, UNREADABLE, SseStream
from policyroute.events import Broken, FinishReason, StreamEvent
from policyroute.failures import Failure


class AnswerReader(Protocol):
    """Turns what one answer says into events. `started` is set once it began, `substance` once anything was answered;
    `finished` is how it ended, None until it has."""

    started: bool
    substance: bool
    finished: FinishReason | None

    def read(self, event: dict[str, Any], events: list[StreamEvent], /) -> bool:
        """Add what one event says. False where the last of that is a `Broken`."""
        ...

    def read_whole(self, answer: dict[str, Any], events: list[StreamEvent], /) -> bool:
        """The same of an answer that came at once."""
        ...


class NamedStream(SseStream):
    """A stream of named events."""

    _words = b""  # the events are not alike, unless a dialect says so

    def __init__(self, reader: AnswerReader, secrets: Iterable[str] = ()) -> None:
        super().__init__(secrets)
        self._reader = reader

    def _datas(self, chunk: bytes) -> list[bytes] | None:
        return plain_events(chunk)

    def _read(self, value: dict[str, Any], events: list[StreamEvent]) -> bool:
        whole = self._reader.read(value, events)
        self._done = self._reader.finished is not None
        return whole

    def _incomplete(self) -> Failure | None:
        if not self._done:
            return UNREADABLE if self.malformed and not self._reader.started else CUT
        return _lacking(self._reader)


def read_at_once(reader: AnswerReader, answer: dict[str, Any]) -> list[StreamEvent]:
    """A whole answer as events. The last is a `Broken` where it is an error, or empty."""
    events: list[StreamEvent] = []
    if not reader.read_whole(answer, events):
        return events
    failure = _lacking(reader)
    return [*events, Broken(failure)] if failure else events


def _lacking(reader: AnswerReader) -> Failure | None:
    """An answer that was stopped by a limit, a filter or a refusal may well be empty."""
    return None if reader.substance or reader.finished is not FinishReason.STOP else EMPTY
