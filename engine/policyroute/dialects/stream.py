"""What every dialect's reader of a streamed answer does alike: bytes to events, and what is passed on.

Rule of this module: framing and ends; what an event says is the dialect's. A clean end of the connection proves
nothing, and nothing follows an error.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Final

import orjson

from policyroute.dialects.alike import Alike
from policyroute.dialects.shapes import obj
from policyroute.dialects.sse import EventTooLarge, Framer, read_event
from policyroute.events import Broken, StreamEvent, TextDelta
from policyroute.failures import Failure, FailureKind

UNREADABLE: Final = Failure(FailureKind.UNAVAILABLE, "The provider's answer could not be read.")
CUT: Final = Failure(FailureKind.STREAM_BROKEN, "The provider's stream ended before the answer was complete.")
EMPTY: Final = Failure(FailureKind.EMPTY, "The provider's answer has no content.")
_TOO_LARGE: Final = Failure(FailureKind.STREAM_BROKEN, "The provider sent an event that is too large.")


class SseStream(ABC):
    """Reads one streamed answer. Feed it every upstream read; then `end` it. `secrets` never appear in a failure.

    `malformed` counts events that could not be read and were left out. `tail`, set by `end`, is what is left to pass on
    after the last `raw`: an event that lacked its empty line.
    """

    _words: bytes
    """The name, in its quotes, of what holds the words of a stream."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.malformed = 0
        self.tail = b""
        self._frames = Framer()
        self._alike = Alike(self._words)
        self._secrets = secrets
        self._done = False
        self._broken = False

    @property
    def complete(self) -> bool:
        return self._done and not self._broken

    # What a dialect says of itself ------------------------------------------------------------------------------------

    @abstractmethod
    def _datas(self, chunk: bytes) -> list[bytes] | None:
        """The data of each event of a chunk that is nothing but whole events in the dialect's usual spelling, each
        ending in two newlines; None for any other chunk."""

    @abstractmethod
    def _read(self, value: dict[str, Any], events: list[StreamEvent]) -> bool:
        """Add what one event's JSON says. False where the last is a `Broken`. Sets `_done` at the end of the answer."""

    @abstractmethod
    def _incomplete(self) -> Failure | None:
        """What is wrong with an answer after which nothing more will come; None where it is whole."""

    @abstractmethod
    def _answer(self, body: bytes) -> list[StreamEvent]:
        """A whole answer, for a provider that sends its error as plain JSON."""

    # ------------------------------------------------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        """What this read completed: its events, and the same as bytes. After a `Broken` there is nothing more."""
        if self._broken:
            return [], b""
        if not self._frames.empty:
            return self._framed(chunk)
        if chunk.startswith(b"data: {") and chunk.endswith(b"}\n\n") and not self._done:
            word = self._alike.word(chunk[6:-2])  # no end of line is in it: a single event
            if word is not None:
                return [TextDelta(word, self._alike.choice)], chunk
        datas = self._datas(chunk)
        return self._framed(chunk) if datas is None else self._plain(datas, chunk)

    def _plain(self, datas: list[bytes], chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        events: list[StreamEvent] = []
        if len(datas) == 1:
            return events, chunk if self._data(datas[0], events) else b""
        kept = [self._data(data, events) for data in datas]
        if all(kept):
            return events, chunk
        blocks = chunk.split(b"\n\n")
        return events, b"".join([block + b"\n\n" for block, keep in zip(blocks, kept, strict=False) if keep])

    def _framed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        """What this read completed, wherever it was cut."""
        events: list[StreamEvent] = []
        try:
            blocks = self._frames.feed(chunk)
        except EventTooLarge:
            self._broken = True
            return [Broken(_TOO_LARGE)], b""
        return events, b"".join([block for block in blocks if self._block(block, events)])

    def end(self) -> list[StreamEvent]:
        """The connection has ended. Gives a `Broken` unless the answer is complete."""
        events: list[StreamEvent] = []
        rest = self._frames.rest()
        if rest.lstrip().startswith((b"{", b"[")):
            return self._end_as_json(rest)
        if rest and self._block(rest + b"\n\n", events):
            self.tail = rest + b"\n\n" if rest.strip() else rest  # the half of a line end that was cut in two
        if self._broken:
            return events
        failure = self._incomplete()
        if failure:
            self._broken = True
            self.tail = b""
            return [*events, Broken(failure)]
        return events

    def _end_as_json(self, rest: bytes) -> list[StreamEvent]:
        """Some providers answer a stream's request with an error that is plain JSON."""
        last = [] if self._broken else self._answer(rest)[-1:]
        self._broken = True
        return last if last and isinstance(last[0], Broken) else [Broken(UNREADABLE)]

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
        self._broken = not self._read(wrapped, events)
        return False

    def _data(self, data: bytes, events: list[StreamEvent]) -> bool:
        if self._broken or self._done:
            return False
        word = self._alike.word(data)
        if word is not None:
            events.append(TextDelta(word, self._alike.choice))
            return True
        try:
            value: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            value = _leniently(data)
        if value.__class__ is not dict:
            self.malformed += 1
            return False
        before = len(events)
        self._broken = not self._read(value, events)
        if len(events) == before + 1 and isinstance(said := events[before], TextDelta):
            self._alike.learn(data, said.choice)
        return not self._broken


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
