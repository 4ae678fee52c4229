"""What is held back of an attempt until it is known whether it is shown: its beginning, its end, and what is of no use
before it is whole.

Rule of this module: bounded. A beginning that cannot be told to be a refusal within the bounds is none; an end that
does not come is a failure; calls and answers that are larger than may be held are shown as they come.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from policyroute.events import SEMANTIC, Broken, Finished, StreamEvent, ToolCallDelta
from policyroute.exchange.commands import Emit, Received
from policyroute.exchange.heard import Heard
from policyroute.exchange.verdict import Seen, judge, shows
from policyroute.failures import Failure, FailureKind

HELD_BYTES = 262_144
HELD_EVENTS = 2_048
"""How much is held: what a provider sends before anything that shows, thoughts before a text that may be a refusal, and
what follows the end of an answer that is looked at."""

WHOLE_BYTES = 64 * 1024 * 1024
"""How much is held of an answer of which nothing may be shown before its end."""

_ENDLESS = Failure(FailureKind.STREAM_BROKEN, "the provider sent a great deal, but no answer")
_NO_END = Failure(FailureKind.STREAM_BROKEN, "the provider said that its answer was over, and went on")

_TOO_LONG = Failure(FailureKind.UNAVAILABLE, "The provider's answer is too large.")


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of an answer until it is whole: its `end`, its tool `calls` with all that follows the first, or
    `all` of it. `max_bytes` are those of calls and of all; `strict`: what is more than that is not shown either."""

    end: bool = False
    calls: bool = False
    all: bool = False
    strict: bool = False
    max_bytes: int = HELD_BYTES


class Held:
    """One attempt's. `after` is what the fallback goes on after.

    `shows` is set once anything came that the client can see; `busy` while what comes may be held. `let_go`: there was
    more than may be held, so that the answer is shown as it comes. `ended` are the choices that have, where the end is
    held.
    """

    let_go = False
    ending = False
    _calling = False
    _size = 0
    _count = 0

    def __init__(self, after: Collection[FailureKind], heard: Heard, holding: Holding) -> None:
        self._after = after
        self._opens = FailureKind.REFUSED in after
        self._heard = heard
        self._holding = holding
        self._whole = holding.all
        self._events: list[StreamEvent] = []
        self._raw: list[bytes] = []
        self._seen = Seen()
        self.ended: set[int] = set()

    @property
    def begun(self) -> set[int]:
        """The choices of which something is held that shows."""
        return {event.choice for event in self._events if isinstance(event, SEMANTIC) and shows(event)}

    @property
    def shows(self) -> bool:
        return self._seen.shows

    @property
    def busy(self) -> bool:
        return self.ending or self._whole or self._calling

    def before(self, got: Received) -> Failure | bool:
        """While nothing of the answer was shown: what is wrong with it, or whether it may be shown from here on."""
        self._add(got)
        self._seen.add(got.events)
        refused = self._heard.opening is True
        failure = judge(got.events, self._after, self._seen, complete=got.end, refused=refused)
        if failure is not None:
            return failure
        undecided = self._opens and self._heard.opening is None
        if got.end or (self.shows and not self.busy and not undecided):
            return True
        if not self._full:
            return False
        if self.ending or self._holding.strict:
            return _NO_END if self.ending else _TOO_LONG
        self._release()
        return True if self.shows else _ENDLESS

    def after(self, got: Received) -> tuple[Emit | None, Failure | None]:
        """Once something was shown: what is to be shown now, and what is wrong with the rest."""
        broken = got.events[-1] if got.events else None
        failure = broken.failure if isinstance(broken, Broken) else None
        if not (self._holding.end or self._holding.calls):
            return (Emit(got.id, got.events, got.raw) if got.raw or got.events else None), failure
        self._add(got)
        if self.busy and (failure or not got.end):
            if failure or not self._full:
                return None, failure
            if self.ending:
                return None, _NO_END
            self._release()
        return (self.taken(got.id) if self._events or self._size else None), failure

    def taken(self, id: int, *, first: bool = False) -> Emit:
        """All that is held, which it is no more."""
        emit = Emit(id, self._events, b"".join(self._raw), first)
        self._events, self._raw, self._size, self._count = [], [], 0, 0
        return emit

    @property
    def _full(self) -> bool:
        if self._calling or self._whole:
            return self._size > self._holding.max_bytes
        return self._size > HELD_BYTES or self._count > HELD_EVENTS

    def _release(self) -> None:
        self._whole = self._calling = False
        self.let_go = True

    def _add(self, got: Received) -> None:
        self._events.extend(got.events)
        self._raw.append(got.raw)
        if self._holding.end and self._ends(got.events) is not self.ending:
            self.ending = not self.ending
            self._restart()  # what is held from here on is held for another reason
        if self._holding.calls and not (self._calling or self.let_go) and any(map(_calls, got.events)):
            self._calling = True
            self._restart()
        self._size += len(got.raw)
        self._count += len(got.events)

    def _restart(self) -> None:
        self._size = self._count = 0

    def _ends(self, events: Sequence[StreamEvent]) -> bool:
        """Whether nothing more is expected after these but what every answer ends with. With several choices that may
        be told too soon: the next word of another one shows."""
        ends = self.ending
        for event in events:
            if isinstance(event, Finished):
                self.ended.add(event.choice)
                ends = True
            elif shows(event):
                ends = False
        return ends


def _calls(event: StreamEvent) -> bool:
    return event.__class__ is ToolCallDelta
