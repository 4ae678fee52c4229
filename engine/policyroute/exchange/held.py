"""What is held back of an attempt until it is known whether it is shown: its beginning, and its end.

Rule of this module: bounded. A beginning that cannot be told to be a refusal within the bounds is none; an end that
does not come is a failure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from policyroute.events import Broken, Finished, StreamEvent
from policyroute.exchange.commands import Emit, Received
from policyroute.exchange.heard import Heard
from policyroute.exchange.verdict import judge, shows
from policyroute.failures import Failure, FailureKind

HELD_BYTES = 262_144
HELD_EVENTS = 2_048
"""How much is held: what a provider sends before anything that shows, thoughts before a text that may be a refusal, and
what follows the end of an answer that is looked at."""

_ENDLESS = Failure(FailureKind.STREAM_BROKEN, "the provider sent a great deal, but no answer")
_NO_END = Failure(FailureKind.STREAM_BROKEN, "the provider said that its answer was over, and went on")


class Held:
    """One attempt's. `after` is what the fallback goes on after; `reviewed`: the end is held until all of the answer is
    there and was looked at.

    `shows` is set once anything came that the client can see; `ending` while, of an answer that is reviewed, nothing of
    the kind is expected any more.
    """

    shows = False
    ending = False
    _size = 0
    _count = 0

    def __init__(self, after: Collection[FailureKind], heard: Heard, *, reviewed: bool) -> None:
        self._after = after
        self._opens = FailureKind.REFUSED in after
        self._heard = heard
        self._reviewed = reviewed
        self._events: list[StreamEvent] = []
        self._raw: list[bytes] = []

    def anew(self, heard: Heard) -> Held:
        """For the next attempt."""
        return Held(self._after, heard, reviewed=self._reviewed)

    def before(self, got: Received) -> Failure | bool:
        """While nothing of the answer was shown: what is wrong with it, or whether it may be shown from here on."""
        self._add(got)
        refused = self._opens and self._heard.opening is True
        failure = judge(self._events, self._after, complete=got.end, refused=refused)
        if failure is not None:
            return failure
        for event in got.events if not self.shows else ():
            if shows(event):
                self.shows = True
                break
        undecided = self._opens and self._heard.opening is None
        if got.end or (self.shows and not self.ending and not undecided):
            return True
        if not self._full:
            return False
        if self.ending:
            return _NO_END
        return True if self.shows else _ENDLESS

    def after(self, got: Received) -> tuple[Emit | None, Failure | None]:
        """Once something was shown: what is to be shown now, and what is wrong with the rest."""
        broken = got.events[-1] if got.events else None
        failure = broken.failure if isinstance(broken, Broken) else None
        if not self._reviewed:
            return (Emit(got.id, got.events, got.raw) if got.raw or got.events else None), failure
        self._add(got)
        if self.ending and (failure or not got.end):
            return None, failure or (_NO_END if self._full else None)
        return (self.taken(got.id) if self._events or self._size else None), failure

    def taken(self, id: int, *, first: bool = False) -> Emit:
        """All that is held, which it is no more."""
        emit = Emit(id, self._events, b"".join(self._raw), first)
        self._events, self._raw, self._size, self._count = [], [], 0, 0
        return emit

    @property
    def _full(self) -> bool:
        return self._size > HELD_BYTES or self._count > HELD_EVENTS

    def _add(self, got: Received) -> None:
        self._events.extend(got.events)
        self._raw.append(got.raw)
        if self._reviewed and self._ends(got.events) is not self.ending:
            self.ending = not self.ending
            self._size = self._count = 0  # what is held from here on is held for another reason
        self._size += len(got.raw)
        self._count += len(got.events)

    def _ends(self, events: Sequence[StreamEvent]) -> bool:
        """Whether nothing more is expected after these but what every answer ends with. With several choices that may
        be told too soon: the next word of another one shows."""
        ends = self.ending
        for event in events:
            if isinstance(event, Finished):
                ends = True
            elif shows(event):
                ends = False
        return ends
