"""Asks exactly one target at exactly one provider, by the gateway's own way there.

Rule of this module: no rule is asked, nothing is tried twice, and trouble is a value.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from policyroute.decide.decision import Candidate, Excluded, Hop
from policyroute.events import Broken, StreamEvent
from policyroute.exchange.commands import Attempt, Failed, Open, Received, Withheld
from policyroute.exchange.verdict import shows
from policyroute.failures import Failure, FailureKind
from policyroute.request import ModelRequest
from policyroute_asgi.access import Access
from policyroute_asgi.load import LoadLimits
from policyroute_asgi.outward import Sender
from policyroute_asgi.rooms import Rooms
from policyroute_asgi.upstream import Upstream

_ANSWER_ID: Final = "probe"


@dataclass(slots=True)
class Heard:
    """One answer. `first` and `total` are milliseconds: to the first of it that shows something, and to its end."""

    events: list[StreamEvent] = field(default_factory=list[StreamEvent], repr=False)
    failure: Failure | None = None
    first: float | None = None
    total: float = 0.0


async def ask(candidate: Candidate, request: ModelRequest, access: Access, sender: Sender, patience: float) -> Heard:
    """`patience` is seconds for the whole answer."""
    heard = Heard()
    upstream = Upstream(request, _as_it_is, access, sender, Rooms({}, LoadLimits()), _ANSWER_ID)
    refused = upstream.eligible(candidate, time.monotonic())
    if refused is not None:
        heard.failure = refused if isinstance(refused, Failure) else _out(refused)
        return heard
    started = time.monotonic()

    async def tell(given: Received | Failed | Withheld) -> bool:
        if isinstance(given, Withheld):
            heard.failure = _out(given.reason)
            return False
        if isinstance(given, Failed):
            heard.failure = given.failure
            return False
        if heard.first is None and any(map(shows, given.events)):
            heard.first = _ms(started)
        _take(given.events, heard)
        return heard.failure is None

    try:
        async with asyncio.timeout(patience):
            await upstream.run(Open(1, Attempt(1, candidate, patience)), tell)
    except TimeoutError:
        heard.failure = Failure(FailureKind.TIMEOUT_TOTAL, f"no whole answer within {patience:g} s")
    heard.total = _ms(started)
    return heard


def _as_it_is(candidate: Candidate) -> Hop:
    return Hop(candidate, None)


def _out(excluded: Excluded) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, excluded.detail, code=excluded.code)


def _take(events: Sequence[StreamEvent], heard: Heard) -> None:
    for event in events:
        if isinstance(event, Broken):
            heard.failure = event.failure
        else:
            heard.events.append(event)


def _ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
