"""What is held back of an attempt until it is known whether it is shown.

Rule of this module: bounded. An answer that cannot be told to be a refusal within the bounds is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from policyroute.events import ReasoningDelta, StreamEvent, TextDelta
from policyroute.exchange.verdict import shows
from policyroute.policy.openings import Refusals

HELD_BYTES = 262_144
HELD_EVENTS = 2_048
"""How much is held: what a provider sends before anything that shows, and thoughts before a text that may be a
refusal."""


class Held:
    """One attempt's. `refusals` are None where nobody asks whether a text is one."""

    def __init__(self, refusals: Refusals | None) -> None:
        self._refusals = refusals
        self.clear()

    def clear(self) -> None:
        self.events: list[StreamEvent] = []
        self._raw: list[bytes] = []
        self._size = 0
        self._text = ""
        self._refused = None if self._refusals is not None else False

    def add(self, events: Sequence[StreamEvent], raw: bytes, *, end: bool) -> None:
        self.events.extend(events)
        self._raw.append(raw)
        self._size += len(raw)
        for event in events if self._refused is None else ():
            self._look(event)
            if self._refused is not None:
                return
        if end:
            self._settle()

    @property
    def refused(self) -> bool | None:
        """Whether the text begins with a refusal. None: that cannot be told yet."""
        return self._refused

    @property
    def raw(self) -> bytes:
        return b"".join(self._raw)

    @property
    def full(self) -> bool:
        return self._size > HELD_BYTES or len(self.events) > HELD_EVENTS

    def _look(self, event: StreamEvent) -> None:
        """Thoughts come before the text. Whatever else shows, the text that there is ends with it."""
        if isinstance(event, ReasoningDelta) or not shows(event):
            return
        if isinstance(event, TextDelta) and event.choice == 0:
            self._text += event.text
            self._refused = self._told(whole=False)
        else:
            self._settle()

    def _settle(self) -> None:
        if self._refused is None:
            self._refused = self._told(whole=True)

    def _told(self, *, whole: bool) -> bool | None:
        return self._refusals.tell(self._text, whole=whole) if self._refusals is not None else False
