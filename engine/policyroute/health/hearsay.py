"""What processes say to each other of circuits, and what holds where several say something.

Rule of this module: values. Of what is said of one circuit, what was said last holds; but who opened it first, or took
the turn of one that let it pass, lets the next attempt through, and nobody makes the time shorter that it is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from policyroute.failures import FailureKind
from policyroute.health.breaker import HANDOVER

KEPT: Final = 900.0
"""Seconds after which what was said is forgotten: circuits that open again say more long before."""


class Said(NamedTuple):
    """Of one circuit, `at` this time. `turn` is the process that lets the next attempt through, at `probe`. It has
    opened so many `times` since it was closed: 0, it is closed. Times are seconds since 1970."""

    at: float
    turn: str
    kind: FailureKind
    until: float = 0.0
    probe: float = 0.0
    times: int = 0


Row = Mapping[str, Said]
"""By the name of a circuit."""


def passed(said: Said, now: float) -> bool:
    """Whether its process had its turn, and let it pass: it has no traffic, or is no more."""
    return bool(said.times) and now >= max(said.at, said.probe) + HANDOVER


def merged(row: Row, news: Row, now: float) -> dict[str, Said]:
    """What is said once `news` of one process are known too."""
    kept = {name: said for name, said in row.items() if now < max(said.at, said.until) + KEPT}
    for name, new in news.items():
        there = kept.get(name)
        kept[name] = new if there is None else _both(there, new)
    return kept


def _both(there: Said, new: Said) -> Said:
    if not (there.times and new.times):
        return max(there, new, key=lambda said: said.at)
    until = max(there.until, new.until)
    if there.turn == new.turn:
        return new._replace(until=until)
    return there._replace(at=max(there.at, new.at), until=until, times=max(there.times, new.times))


def taken(row: Row, names: frozenset[str], turn: str, now: float) -> dict[str, Said]:
    """What is said once `turn` has taken the turns at these that were let pass: nobody else has before."""
    return {
        name: said._replace(at=now, turn=turn) if name in names and passed(said, now) else said
        for name, said in row.items()
    }
