"""OpenAI Chat Completions, the answer side: provider bytes to events, streamed and whole.

Rule of this module: an answer is complete only when every choice that began has finished, or the provider said
`[DONE]`. A clean end of the connection proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

import orjson

from policyroute.dialects.openai_chat.chunk import ChunkReader
from policyroute.dialects.shapes import obj
from policyroute.dialects.sse import EventTooLarge, Framer, plain_data, read_event
from policyroute.events import Broken, FinishReason, StreamEvent
from policyroute.failures import Failure, FailureKind

_DONE = b"data: [DONE]\n\n"


class ChatStream:
    """Reads one streamed answer. Feed it every upstream read; then `end` it. `secrets` never appear in a failure.

    `malformed` counts events that could not be read and were left out. `tail`, set by `end`, is what is left to pass on
    after the last `raw`: an event that lacked its empty line, and the `[DONE]` that some providers do not send.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.malformed = 0
        self.tail = b""
        self._frames = Framer()
        self._secrets = secrets
        self._chunks = ChunkReader(secrets=secrets)
        self._done = False
        self._broken = False

    @property
    def complete(self) -> bool:
        return self._done and not self._broken

    def feed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        """What this read completed: its events, and the same as bytes. After a `Broken` there is nothing more."""
        events: list[StreamEvent] = []
        if self._broken:
            return events, b""
        datas = plain_data(chunk) if self._frames.empty else None
        if datas is not None:
            if len(datas) == 1:
                return events, chunk if self._data(datas[0], events) else b""
            kept = [data for data in datas if self._data(data, events)]
            if len(kept) == len(datas):
                return events, chunk
            return events, b"".join([b"data: %b\n\n" % data for data in kept])
        try:
            blocks = self._frames.feed(chunk)
        except EventTooLarge:
            self._broken = True
            return [Broken(Failure(FailureKind.STREAM_BROKEN, "The provider sent an event that is too large."))], b""
        return events, b"".join([block for block in blocks if self._block(block, events)])

    def end(self) -> list[StreamEvent]:
        """The connection has ended. Gives a `Broken` unless the answer is complete."""
        events: list[StreamEvent] = []
        rest = self._frames.rest()
        if rest.lstrip().startswith(b"{"):
            return self._end_as_json(rest)
        if rest and self._block(rest + b"\n\n", events):
            self.tail = rest + b"\n\n"
        if self._broken:
            return events
        failure = _incomplete(self._chunks, self._done, self.malformed)
        if failure:
            self._broken = True
            self.tail = b""
            return [*events, Broken(failure)]
        if not self._done:
            self.tail += _DONE
        return events

    def _end_as_json(self, rest: bytes) -> list[StreamEvent]:
        """Some providers answer a stream's request with an error that is plain JSON."""
        last = [] if self._broken else read_answer(rest, self._secrets)[-1:]
        self._broken = True
        return last if last and isinstance(last[0], Broken) else [Broken(_UNREADABLE)]

    def _block(self, block: bytes, events: list[StreamEvent]) -> bool:
        """Whether the block may be passed on; its events are added."""
        name, data = read_event(block)
        if data is None:
            return not (self._broken or self._done)
        return self._error(data, events) if name == "error" else self._data(data, events)

    def _error(self, data: bytes, events: list[StreamEvent]) -> bool:
        """An event that is called an error is one, however it is written."""
        if self._broken or self._done:
            return False
        said = parse(data)
        wrapped = obj(said)
        if not wrapped.get("error"):
            wrapped = {"error": said or data.decode("utf-8", "replace") or "error"}
        self._broken = not self._chunks.read(wrapped, events)
        return False

    def _data(self, data: bytes, events: list[StreamEvent]) -> bool:
        if self._broken or self._done:
            return False
        if data == b"[DONE]":
            self._done = True
            self._chunks.close(events)
            return True
        try:
            chunk: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            chunk = _leniently(data)
        if chunk.__class__ is not dict:
            self.malformed += 1
            return False
        self._broken = not self._chunks.read(chunk, events)
        return not self._broken


def read_answer(body: bytes, secrets: Iterable[str] = ()) -> list[StreamEvent]:
    """A whole JSON answer as events. The last is a `Broken` where it is an error, empty, or no answer at all."""
    chunk = parse(body)
    if not isinstance(chunk, dict):
        return [Broken(_UNREADABLE)]
    chunks = ChunkReader(whole=True, secrets=secrets)
    events: list[StreamEvent] = []
    if not chunks.read(cast("dict[str, Any]", chunk), events):
        return events
    chunks.close(events)
    failure = _incomplete(chunks, ended=True)
    return [*events, Broken(failure)] if failure else events


_UNREADABLE = Failure(FailureKind.UNAVAILABLE, "The provider's answer could not be read.")
_CUT = Failure(FailureKind.STREAM_BROKEN, "The provider's stream ended before the answer was complete.")
_EMPTY = Failure(FailureKind.EMPTY, "The provider's answer has no content.")


def _incomplete(chunks: ChunkReader, ended: bool, malformed: int = 0) -> Failure | None:
    """What is wrong with an answer after which nothing more will come; None where it is whole.

    `ended`: the provider said that this is all. An answer that was stopped by a limit or a filter may well be empty.
    """
    if chunks.open or not (chunks.finished or ended or malformed):
        return _CUT
    if chunks.substance or any(reason is not FinishReason.STOP for reason in chunks.finished.values()):
        return None
    return _UNREADABLE if malformed else _EMPTY


def parse(data: bytes) -> Any:
    """The JSON value, or None."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _leniently(data)


def _leniently(data: bytes) -> Any:
    """A second reading of what orjson is too strict for: half a surrogate pair."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
