"""The two that an exchange tells of itself: the client, and whoever keeps where it stands.

Rule of this module: what is asked of them, and nothing of how they do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from policyroute.changes import Change
from policyroute.decide.decision import Denial, Hop
from policyroute.decide.judging import Verdict
from policyroute.exchange.commands import Attempt, Checkpoint
from policyroute.failures import Failure
from policyroute.record import ExchangeRecord


@dataclass(frozen=True, slots=True)
class Answer:
    """Whose answer the client is about to get, and what was asked otherwise than the client did."""

    attempt: Attempt
    hop: Hop
    adapted: tuple[Change, ...] = ()
    verdict: Verdict | None = None
    """What the rules made of it, where it is whole and they were asked."""


class ClientSide(Protocol):
    """The client, as far as an exchange needs it. OSError from sending means that it is gone."""

    async def commit(self, answer: Answer) -> None:
        """Once, right before the first `send`: from now on it is this provider's answer."""
        ...

    async def send(self, raw: bytes, *, more: bool) -> None:
        """Part of the answer, returning when the client can take more. `more=False`: the answer is complete."""
        ...

    async def fail(self, failure: Failure) -> None:
        """The end, in failure: an HTTP error where nothing was committed, else an error inside the stream."""
        ...

    async def deny(self, denial: Denial) -> None:
        """The same, where it is a rule that does not let the answer pass."""
        ...

    async def hung_up(self) -> None:
        """Returns when the client is gone. Cancelled when the exchange is over."""
        ...


class Keeper(Protocol):
    """Who keeps where an exchange stands."""

    async def keep(self, checkpoint: Checkpoint) -> None:
        """Returns when it is kept, or cannot be: never raises."""
        ...

    def keep_later(self, checkpoint: Checkpoint) -> None:
        """The same, when nobody waits for it any more."""
        ...

    async def done(self, text: str | None, record: ExchangeRecord) -> None:
        """The answer is there, and the client is about to see its end. Never raises."""
        ...
