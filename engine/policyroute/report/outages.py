"""When a first choice was out: minutes, one after the other, in which most of its requests failed or went elsewhere.

Rule of this module: a minute is what can be told apart; one without requests says nothing and ends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from policyroute.report.line import Place

_SILENCE: Final = 5
"""Minutes without requests that an outage may have in it. After more nobody knows whether it was the same one."""


class Outage(NamedTuple):
    """`begin` is in minutes since 1970; it lasted `minutes`, in which `requests` failed there or went elsewhere."""

    target: str
    provider: str
    begin: int
    minutes: int
    requests: int

    def as_json(self) -> dict[str, Any]:
        begin = datetime.fromtimestamp(self.begin * 60, UTC).isoformat()
        return {**self._asdict(), "begin": begin}


def outages(minutes: Mapping[tuple[Place, int], tuple[int, int]]) -> list[Outage]:
    """Of requests by first choice and minute: how many went well there and how many did not. The longest first."""
    found: list[Outage] = []
    open_one: Outage | None = None
    for (place, minute), (good, bad) in sorted(minutes.items()):
        out = bad > 0 and bad >= good
        if open_one is not None:
            same = (open_one.target, open_one.provider) == place
            end = open_one.begin + open_one.minutes
            if out and same and minute - end <= _SILENCE:
                open_one = open_one._replace(minutes=minute + 1 - open_one.begin, requests=open_one.requests + bad)
                continue
            found.append(open_one)
            open_one = None
        if out:
            open_one = Outage(*place, minute, 1, bad)
    if open_one is not None:
        found.append(open_one)
    return sorted(found, key=lambda each: (-each.minutes, each))
