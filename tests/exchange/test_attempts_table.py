"""docs/failures.md says how many attempts each failure leads to, when and where: a row is what the machine does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policyroute.decide.decision import Candidate
from policyroute.decide.resolved import DEFAULT_FALLBACK, DEFAULT_LIMITS
from policyroute.events import StreamEvent, TextDelta
from policyroute.exchange.carrying import Carrying, Way
from policyroute.exchange.commands import Command, Failed, Open, Received, Tick, Wake
from policyroute.exchange.machine import Exchange
from policyroute.failures import Failure, FailureKind

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
SECTION = (
    PAGE.read_text(encoding="utf-8").partition("\n### How many attempts, when and where\n")[2].partition("\n## ")[0]
)
ROWS = [line.strip("| ").split(" | ") for line in SECTION.splitlines() if line.startswith("| `")]


class Silent:
    """A writer that is never asked: no answer here is over."""

    def __init__(self, sent: bytes) -> None:
        self.lost: set[str] = set()

    def recall(self, event: dict[str, Any]) -> None:
        raise AssertionError

    def write(self, events: Iterable[StreamEvent]) -> bytes:
        raise AssertionError

    def end(self) -> bytes:
        raise AssertionError


def played(candidate: Callable[..., Candidate], kind: FailureKind, wait: float | None, *, begun: bool) -> str:
    """Every attempt fails alike; with `begun`, the first after a part of its answer was sent."""
    candidates = [candidate(name, name, window) for name, window in (("a", 1000), ("b", 2000), ("c", 3000))]
    fallback = replace(DEFAULT_FALLBACK, mid_stream="continue" if begun else "abort")
    carrying = Carrying(
        lambda sent: [TextDelta("text")],
        Silent,
        lambda: lambda _candidate: Way.INSTRUCT,
    )
    exchange = Exchange(
        candidates,
        fallback,
        DEFAULT_LIMITS,
        stream=True,
        eligible=lambda _candidate, _now: None,
        carrying=carrying if begun else None,
    )
    now = wake = last = 0.0
    said: list[str] = []
    commands: list[Command] = exchange.start(now)
    while not exchange.done:
        opened = next((each for each in commands if isinstance(each, Open)), None)
        wake = next((each.at for each in commands if isinstance(each, Wake)), wake)
        if opened is None:
            now = wake
            commands = exchange.step(Tick(), now)
            continue
        pause = now - last
        said.append(opened.attempt.candidate.target + (f" after {pause:g} s" if pause else ""))
        last = now
        if begun and opened.id == 1:
            exchange.step(Received(1, [TextDelta("text")], b"text"), now)
        commands = exchange.step(Failed(opened.id, Failure(kind, "in words", retry_after=wait)), now)
    return ", ".join(said)


def test_every_kind_has_a_row() -> None:
    assert {row[0].split("`")[1] for row in ROWS} == {kind.value for kind in FailureKind}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_is_what_happens(candidate: Callable[..., Candidate], row: list[str]) -> None:
    name, wanted = row
    kind = FailureKind(name.split("`")[1])
    wait = float(name.partition("Retry-After ")[2].partition(" ")[0]) if "Retry-After" in name else None
    assert wanted == played(candidate, kind, wait, begun=False)
    assert wanted == played(candidate, kind, wait, begun=True)
