"""A streamed answer that repeats itself without end: heard, and broken off where the rules want that.

Rule of this module: it listens to what the provider says, in every channel of it, and keeps no more than the end.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from policyroute.dialects.dialect import StreamReader
from policyroute.divergence import Tail, Watch
from policyroute.events import Broken, StreamEvent
from policyroute.failures import Failure, FailureKind
from policyroute.health.places import CIRCLING
from policyroute.redact.channels import Channel, told


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
        self._tails = defaultdict[Channel, Tail](Tail)

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
            said = told(event)
            if said is not None and said[1] and self._tails[said[0]].heard(said[1]):
                self.found = True
        return self.found


MESSAGE: Final = "The answer repeats itself without end."


def _kind(watch: Watch) -> FailureKind | None:
    """One that another model may go on from, or one that ends it; None where neither is wanted."""
    if "swap" in watch.react:
        return FailureKind.STREAM_BROKEN
    return FailureKind.TRUNCATED if "stop" in watch.react else None
