"""An answer in one dialect, told in another (or in the same, where we have a part in it) as it comes.

Rule of this module: it is a `StreamReader` like any other, whose bytes are for the client. What a provider's answer
breaks off with is never told as an end.
"""

from __future__ import annotations

from policyroute.dialects.amendments import Amender
from policyroute.dialects.dialect import StreamReader
from policyroute.dialects.translation import StreamWriter
from policyroute.events import Broken, StreamEvent


class Translated:
    """`reader` reads the provider, `writer` tells the client; `amender` has our part."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, amender: Amender) -> None:
        self.malformed = 0
        self.tail = b""
        self._reader = reader
        self._writer = writer
        self._amender = amender

    @property
    def complete(self) -> bool:
        return self._reader.complete or self._amender.ended

    def feed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        events, _ = self._reader.feed(chunk)
        self.malformed = self._reader.malformed
        events = self._amender.passed(events)
        return events, self._writer.write(events)

    def end(self) -> list[StreamEvent]:
        """Where we ended the answer, whatever the provider would have said after it does not matter."""
        events = [] if self._amender.ended else self._amender.passed(self._reader.end())
        events += self._amender.rest()
        broken = bool(events) and isinstance(events[-1], Broken)
        self.tail = self._writer.write(events) + (b"" if broken else self._writer.end())
        return events
