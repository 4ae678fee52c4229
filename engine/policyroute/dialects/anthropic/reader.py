"""Anthropic Messages, the answer side: provider bytes to events, streamed and whole.

Rule of this module: a stream is complete only with its `message_stop`, whatever came before.
"""

from __future__ import annotations

from collections.abc import Iterable

from policyroute.dialects.anthropic.kept import read_everything
from policyroute.dialects.anthropic.message import MessageReader
from policyroute.dialects.errors import classify_object
from policyroute.dialects.named_stream import NamedStream, read_at_once
from policyroute.dialects.shapes import obj
from policyroute.dialects.stream import UNREADABLE, parse
from policyroute.events import Broken, Finished, FinishReason, OtherContent, StreamEvent


class MessagesStream(NamedStream):
    _words = b'"text"'

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(MessageReader(secrets), secrets)

    def _answer(self, body: bytes) -> list[StreamEvent]:
        return read_answer(body, self._secrets)


def read_answer(body: bytes, secrets: Iterable[str] = (), *, everything: bool = False) -> list[StreamEvent]:
    """A whole JSON answer as events. The last is a `Broken` where it is an error, empty, or no answer at all."""
    answer = obj(parse(body))
    if not answer:
        return [Broken(UNREADABLE)]
    message = MessageReader(secrets)
    events = read_at_once(message, answer)
    if everything and message.finished and not isinstance(events[-1], Broken):
        return read_everything(answer, message.finished)
    return events


def read_count(body: bytes, secrets: Iterable[str] = ()) -> list[StreamEvent]:
    """The answer to a request that asks for nothing but a count. No tokens were used for it."""
    answer = obj(parse(body))
    if answer.get("error"):
        return [Broken(classify_object(answer, secrets))]
    if not isinstance(answer.get("input_tokens"), int):
        return [Broken(UNREADABLE)]
    return [OtherContent("input_tokens"), Finished(FinishReason.STOP)]
