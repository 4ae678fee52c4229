"""What we do about an answer ourselves, because its provider was asked otherwise than the client did.

Rule of this module: what may be the beginning of a stop sequence is held back, and nothing after one is passed on but
what was used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from policyroute.events import Finished, FinishReason, StreamEvent, TextDelta, ToolCallDelta, Usage


@dataclass(frozen=True, slots=True)
class Amendments:
    """End it at the `stop` sequences that the provider does not take; call tools by the client's `names` for them, by
    those they have there."""

    stop: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict[str, str])

    def __bool__(self) -> bool:
        return bool(self.stop or self.names)


NOTHING: Final = Amendments()


class Amender:
    """Of one answer. `ended` once it was ended by us; where there is nothing to amend, everything passes as it is.

    Only the first choice is ended: who has no stop sequences of its own for this has one answer.
    """

    def __init__(self, amendments: Amendments) -> None:
        self.ended = False
        self._stop = amendments.stop
        self._names = amendments.names
        self._longest = max(map(len, self._stop), default=0)
        self._held = ""

    def passed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """What of these goes on to the client."""
        if self._names:
            for event in events:
                if isinstance(event, ToolCallDelta) and event.name is not None:
                    event.name = self._names.get(event.name, event.name)
        return self._until_stopped(events) if self._stop else events

    def rest(self) -> list[StreamEvent]:
        """At the end: what was held back began no stop sequence after all."""
        return [] if self.ended else self._released()

    def _until_stopped(self, events: Iterable[StreamEvent]) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        for event in events:
            if self.ended:
                found += [event] if isinstance(event, Usage) else []
            elif isinstance(event, TextDelta):
                found += self._text(event.text)
            else:
                found += self._released()
                found.append(event)
        return found

    def _text(self, said: str) -> list[StreamEvent]:
        whole = self._held + said
        at = min((place for each in self._stop if (place := whole.find(each)) >= 0), default=-1)
        if at >= 0:
            self.ended = True
            self._held = ""
            return [*_said(whole[:at]), Finished(FinishReason.STOP)]
        held = self._overlap(whole)
        self._held = whole[len(whole) - held :]
        return _said(whole[: len(whole) - held])

    def _overlap(self, whole: str) -> int:
        """How much of the end may be the beginning of a stop sequence."""
        for length in range(min(self._longest - 1, len(whole)), 0, -1):
            end = whole[-length:]
            if any(each.startswith(end) for each in self._stop):
                return length
        return 0

    def _released(self) -> list[StreamEvent]:
        held, self._held = self._held, ""
        return _said(held)


def _said(text: str) -> list[StreamEvent]:
    return [TextDelta(text)] if text else []


def amended(events: list[StreamEvent], amendments: Amendments) -> list[StreamEvent]:
    """The same of an answer that came at once."""
    amender = Amender(amendments)
    return [*amender.passed(events), *amender.rest()]
