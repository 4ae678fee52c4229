"""Anthropic Messages, the answer side: provider bytes to events, streamed and whole.

Rule of this module: a stream is complete only with its `message_stop`, whatever came before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyroute.dialects.anthropic.kept import read_everything
from policyroute.dialects.anthropic.message import MessageReader
from policyroute.dialects.errors import classify_object
from policyroute.dialects.shapes import obj
from policyroute.dialects.sse import plain_events
from policyroute.dialects.stream import CUT, EMPTY, UNREADABLE, SseStream, parse
from policyroute.events import Broken, Finished, FinishReason, OtherContent, StreamEvent
from policyroute.failures import Failure


class MessagesStream(SseStream):
    """A stream of named events, each of which says in its data what it is."""

    _words = b'"text"'

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(secrets)
        self._message = MessageReader(secrets)

    def _datas(self, chunk: bytes) -> list[bytes] | None:
        return plain_events(chunk)

    def _read(self, value: dict[str, Any], events: list[StreamEvent]) -> bool:
        whole = self._message.read(value, events)
        self._done = self._message.finished is not None
        return whole

    def _incomplete(self) -> Failure | None:
        if not self._done:
            return UNREADABLE if self.malformed and not self._message.started else CUT
        return _lacking(self._message)

    def _answer(self, body: bytes) -> list[StreamEvent]:
        return read_answer(body, self._secrets)


def read_answer(body: bytes, secrets: Iterable[str] = (), *, everything: bool = False) -> list[StreamEvent]:
    """A whole JSON answer as events. The last is a `Broken` where it is an error, empty, or no answer at all."""
    answer = obj(parse(body))
    message = MessageReader(secrets)
    events: list[StreamEvent] = []
    if not answer:
        return [Broken(UNREADABLE)]
    if not message.read_whole(answer, events):
        return events
    failure = _lacking(message)
    if everything and message.finished and not failure:
        return read_everything(answer, message.finished)
    return [*events, Broken(failure)] if failure else events


def read_count(body: bytes, secrets: Iterable[str] = ()) -> list[StreamEvent]:
    """The answer to a request that asks for nothing but a count. No tokens were used for it."""
    answer = obj(parse(body))
    if answer.get("error"):
        return [Broken(classify_object(answer, secrets))]
    if not isinstance(answer.get("input_tokens"), int):
        return [Broken(UNREADABLE)]
    return [OtherContent("input_tokens"), Finished(FinishReason.STOP)]


def _lacking(message: MessageReader) -> Failure | None:
    """An answer that was stopped by a limit, or refused, may well be empty."""
    return None if message.substance or message.finished is not FinishReason.STOP else EMPTY
