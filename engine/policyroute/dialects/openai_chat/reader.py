"""OpenAI Chat Completions, the answer side: provider bytes to events, streamed and whole.

Rule of this module: an answer is complete only when every choice that began has finished, or the provider said
`[DONE]`. A clean end of the connection proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from policyroute.dialects.openai_chat.chunk import ChunkReader
from policyroute.dialects.openai_chat.kept import keep
from policyroute.dialects.sse import plain_data
from policyroute.dialects.stream import CUT, EMPTY, UNREADABLE, SseStream, parse
from policyroute.events import Broken, FinishReason, StreamEvent
from policyroute.failures import Failure

_DONE = b"data: [DONE]\n\n"


class ChatStream(SseStream):
    """A stream that may end in `[DONE]`. Where a provider does not send that, `tail` has it for the client."""

    _words = b'"content"'

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(secrets)
        self._chunks = ChunkReader(secrets=secrets)

    def end(self) -> list[StreamEvent]:
        events = super().end()
        if not (self._broken or self._done):
            self.tail += _DONE
        return events

    def _datas(self, chunk: bytes) -> list[bytes] | None:
        return plain_data(chunk)

    def _data(self, data: bytes, events: list[StreamEvent]) -> bool:
        if data == b"[DONE]" and not (self._broken or self._done):
            self._done = True
            self._chunks.close(events)
            return True
        return super()._data(data, events)

    def _read(self, value: dict[str, Any], events: list[StreamEvent]) -> bool:
        return self._chunks.read(value, events)

    def _incomplete(self) -> Failure | None:
        return _incomplete(self._chunks, self._done, self.malformed)

    def _answer(self, body: bytes) -> list[StreamEvent]:
        return read_answer(body, self._secrets)


def read_answer(body: bytes, secrets: Iterable[str] = (), *, everything: bool = False) -> list[StreamEvent]:
    """A whole JSON answer as events. The last is a `Broken` where it is an error, empty, or no answer at all.

    `everything`: with all that is left of it, to tell it again."""
    chunk = parse(body)
    if not isinstance(chunk, dict):
        return [Broken(UNREADABLE)]
    chunks = ChunkReader(whole=True, secrets=secrets)
    events: list[StreamEvent] = []
    if not chunks.read(cast("dict[str, Any]", chunk), events):
        return events
    chunks.close(events)
    failure = _incomplete(chunks, ended=True)
    if failure:
        return [*events, Broken(failure)]
    return keep(cast("dict[str, Any]", chunk), events) if everything else events


def _incomplete(chunks: ChunkReader, ended: bool, malformed: int = 0) -> Failure | None:
    """What is wrong with an answer after which nothing more will come; None where it is whole.

    `ended`: the provider said that this is all. An answer that was stopped by a limit or a filter may well be empty.
    """
    if chunks.open or not (chunks.finished or ended or malformed):
        return CUT
    if chunks.substance or any(reason is not FinishReason.STOP for reason in chunks.finished.values()):
        return None
    return UNREADABLE if malformed else EMPTY
