"""A streamed answer that repeats itself without end: heard, and broken off where the rules want that.

Rule of this module: it listens to words and thoughts, and keeps no more than their end. Arguments of calls and answers in
JSON may well repeat themselves.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from policyroute.dialects.dialect import StreamReader
from policyroute.divergence import Tail, Watch
from policyroute.events import Broken, ReasoningDelta, StreamEvent, TextDelta
from policyroute.failures import Failure, FailureKind
from policyroute.health.places import CIRCLING


class Circling:
    """Reads as `reader` does. `found`: it repeats itself. Where `watch` would ask another model, or stop, the answer
    breaks off there."""

    def __init__(self, reader: StreamReader, watch: Watch) -> None:
        self.malformed = 0
        self.tail = b""
        self.found = False
        self._reader = reader
        self._kind = _kind(watch)
        self._cut = False
        self._tails = defaultdict[type[StreamEvent], Tail](Tail)

    @property
    def complete(self) -> bool:
        return self._reader.complete and not self._cut

    def feed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        events, raw = self._reader.feed(chunk)
        self.malformed = self._reader.malformed
        if not self.found and self._heard(events) and self._kind is not None:
            self._cut = True
            return [Broken(Failure(self._kind, MESSAGE, code=CIRCLING))], b""
        return events, raw

    def end(self) -> list[StreamEvent]:
        events = self._reader.end()
        self.tail = b"" if self._cut else self._reader.tail
        return events

    def _heard(self, events: list[StreamEvent]) -> bool:
        for event in events:
            if isinstance(event, _WORDS) and event.text and self._tails[type(event)].heard(event.text):
                self.found = True
        return self.found


_WORDS: Final = (TextDelta, ReasoningDelta)
MESSAGE: Final = "The answer repeats itself without end."


def _kind(watch: Watch) -> FailureKind | None:
    """One that another model may go on from, or one that ends it; None where neither is wanted."""
    if "swap" in watch.react:
        return FailureKind.STREAM_BROKEN
    return FailureKind.TRUNCATED if "stop" in watch.react else None
