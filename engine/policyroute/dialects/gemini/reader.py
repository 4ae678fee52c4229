"""Gemini, the answer side: provider bytes to events, streamed and whole.

Rule of this module: a stream has no word for its end. It is complete if every candidate that began has finished when
the connection ends, and only then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.dialects.errors import classify_object
from policyroute.dialects.gemini.content import ContentReader
from policyroute.dialects.shapes import compact, items, obj
from policyroute.dialects.sse import plain_data
from policyroute.dialects.stream import CUT, EMPTY, UNREADABLE, SseStream, parse
from policyroute.events import Broken, Finished, FinishReason, OtherContent, StreamEvent
from policyroute.failures import Failure


class ContentStream(SseStream):
    """A stream of responses, each of them with a part of the answer."""

    _words = b'"text"'

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(secrets)
        self._content = ContentReader(secrets)

    def _datas(self, chunk: bytes) -> list[bytes] | None:
        return plain_data(chunk)

    def _data(self, data: bytes, events: list[StreamEvent]) -> bool:
        if data.startswith(b"["):
            data = compact(_unwrapped(parse(data))).encode()
        return super()._data(data, events)

    def _read(self, value: dict[str, Any], events: list[StreamEvent]) -> bool:
        return self._content.read(value, events)

    def _incomplete(self) -> Failure | None:
        return _incomplete(self._content, malformed=self.malformed > 0)

    def _answer(self, body: bytes) -> list[StreamEvent]:
        return read_answer(body, self._secrets)


def read_answer(body: bytes, secrets: Iterable[str] = (), *, everything: bool = False) -> list[StreamEvent]:
    """A whole JSON answer as events. The last is a `Broken` where it is an error, empty, or no answer at all."""
    content = ContentReader(secrets, everything=everything)
    events: list[StreamEvent] = []
    if not content.read(_unwrapped(parse(body)), events):
        return events
    failure = _incomplete(content, malformed=True)
    return [*events, Broken(failure)] if failure else events


def read_count(body: bytes, secrets: Iterable[str] = ()) -> list[StreamEvent]:
    """The answer to a request that asks for nothing but a count. No tokens were used for it."""
    answer = _unwrapped(parse(body))
    if answer.get("error"):
        return [Broken(classify_object(answer, secrets))]
    if not isinstance(answer.get("totalTokens"), int):
        return [Broken(UNREADABLE)]
    return [OtherContent("totalTokens"), Finished(FinishReason.STOP)]


def _unwrapped(value: Any) -> dict[str, Any]:
    """Errors in particular may come as the one element of an array."""
    listed = items(value)
    return obj(listed[0]) if len(listed) == 1 else obj(value)


def _incomplete(content: ContentReader, *, malformed: bool) -> Failure | None:
    """An answer that was stopped by a limit, or withheld, may well be empty. `malformed`: not all of it could be
    read."""
    if content.open or not content.finished:
        return UNREADABLE if malformed and not content.started else CUT
    stopped = all(reason is FinishReason.STOP for reason in content.finished.values())
    return EMPTY if stopped and not content.substance else None
