"""An answer in one dialect, told in another (or in the same, where we have a part in it) as it comes.

Rule of this module: it is a `StreamReader` like any other, whose bytes are for the client. What a provider's answer
breaks off with is never told as an end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from policyroute.dialects.dialect import StreamReader
from policyroute.dialects.translation import StreamWriter
from policyroute.events import Broken, StreamEvent


class Stage(Protocol):
    """What changes an answer between its provider and the client. `ended`: it has ended the answer by itself."""

    @property
    def ended(self) -> bool: ...
    def passed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """What of these goes on."""
        ...

    def rest(self) -> list[StreamEvent]:
        """At the end: what is held back still."""
        ...


class Translated:
    """`reader` reads the provider, `writer` tells the client; each of `stages` has a part in it, in this order. The
    client is told what `summed` makes of the events."""

    def __init__(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        *stages: Stage,
        summed: Callable[[list[StreamEvent]], list[StreamEvent]] | None = None,
    ) -> None:
        self.malformed = 0
        self.tail = b""
        self._reader = reader
        self._writer = writer
        self._stages = stages
        self._summed = summed

    @property
    def complete(self) -> bool:
        return self._reader.complete or self._ended

    @property
    def _ended(self) -> bool:
        return any(stage.ended for stage in self._stages)

    def feed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        events, _ = self._reader.feed(chunk)
        self.malformed = self._reader.malformed
        for stage in self._stages:
            events = stage.passed(events)
        return events, self._told(events)

    def end(self) -> list[StreamEvent]:
        """Where we ended the answer, whatever the provider would have said after it does not matter."""
        events = [] if self._ended else self._reader.end()
        for stage in self._stages:
            events = stage.passed(events)
            if not _broken(events):
                events += stage.rest()  # of what broke off, what was held back is nobody's
        self.tail = self._told(events) + (b"" if _broken(events) else self._writer.end())
        return events

    def _told(self, events: list[StreamEvent]) -> bytes:
        return self._writer.write(events if self._summed is None else self._summed(events))


def _broken(events: list[StreamEvent]) -> bool:
    return bool(events) and isinstance(events[-1], Broken)
