"""The simulations see it where a promise is broken, and their model goes round as models do."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from scripts.simulations import sessions
from scripts.simulations.agents import Loop, Run, loops
from scripts.simulations.conversations import Conversation, Turn
from scripts.simulations.report import Promise, all_held, table
from scripts.simulations.solver import ASK, STEPS, Action, Shown, circle, decided

BUSY = {number for number, stretch in enumerate(sessions.STRETCHES) if stretch.busy}
OUTAGE = {number for number, stretch in enumerate(sessions.STRETCHES) if stretch.fails}
NONE_FAILED: Counter[tuple[str, str]] = Counter()


def talk(id: str, profile: str, served: Callable[[int], tuple[str, str]], *, long: bool = False) -> Conversation:
    """One with a turn in each stretch, `served` by (model, account)."""
    one = Conversation(id, profile, stream=False, long=long, left=0)
    one.turns = [Turn(number, *served(number)) for number in range(len(sessions.STRETCHES))]
    return one


def as_promised() -> list[Conversation]:
    moved = min(OUTAGE)
    return [
        talk("a1", "AGENT", lambda number: ("frontier", "alpha") if number < moved else ("large", "beta")),
        talk("a2", "AGENT", lambda _: ("large", "beta")),
        talk("c1", "CHAT", lambda number: ("small", "delta") if number in BUSY else ("large", "beta")),
        talk("b1", "BATCH", lambda number: ("medium", ("alpha", "beta", "gamma", "delta")[number % 4])),
        talk("s1", "SAVINGS", lambda _: ("nano", "beta")),
        talk("s2", "SAVINGS", lambda _: ("small", "delta"), long=True),
    ]


def broken(promises: list[Promise]) -> list[str]:
    return [each.who for each in promises if each.held is False]


def test_what_is_as_promised_is_held() -> None:
    promises = sessions.judged(as_promised(), NONE_FAILED, Counter(), 1.0)
    assert broken(promises) == []
    assert all_held(promises)
    assert "**no**" not in table("All", promises)


@pytest.mark.parametrize(
    "one",
    [
        talk("moved before anything failed", "AGENT", lambda number: ("frontier" if number < 1 else "large", "x")),
        talk("went back", "AGENT", lambda number: ("large" if number in OUTAGE else "frontier", "x")),
        talk("moved from one that was well", "AGENT", lambda number: ("large" if number < 4 else "solid", "x")),
        talk("below the floor", "AGENT", lambda _: ("medium", "x")),
        talk("never steps down", "CHAT", lambda _: ("large", "x")),
        talk("does not come back", "CHAT", lambda _: ("small", "x")),
        talk("all at one account", "BATCH", lambda _: ("medium", "alpha")),
        talk("dear", "SAVINGS", lambda _: ("large", "x")),
        talk("too small a model", "SAVINGS", lambda _: ("nano", "x"), long=True),
    ],
    ids=lambda one: one.id,
)
def test_what_is_not_as_promised_is_seen(one: Conversation) -> None:
    others = [each for each in as_promised() if each.profile != one.profile or each.profile == "AGENT"]
    promises = sessions.judged([*others, one], NONE_FAILED, Counter(), 1.0)
    assert broken(promises) == [one.profile]


def test_a_request_that_fails_is_seen() -> None:
    failed = Counter({("CHAT", "503 overloaded"): 1})
    assert broken(sessions.judged(as_promised(), failed, Counter(), 1.0)) == ["all"]


@pytest.mark.parametrize("turned_away", [{"BATCH": 3, "CHAT": 5}, {"BATCH": 9, "SAVINGS": 9, "CHAT": 9, "AGENT": 1}])
def test_whoever_is_turned_away_out_of_order_is_seen(turned_away: dict[str, int]) -> None:
    assert broken(sessions.judged(as_promised(), NONE_FAILED, Counter(turned_away), 1.0)) == ["all"]
    assert broken(sessions.judged(as_promised(), NONE_FAILED, Counter(BATCH=9, SAVINGS=3), 1.0)) == []


A, B, C = (Action("look_up", step) for step in (1, 2, 3))


@pytest.mark.parametrize(
    ("actions", "following", "seen"),
    [
        ([], None, 0),
        ([A, B, C], None, 0),
        ([A, B, B], B, 1),
        ([A, B, B, B], B, 2),
        ([A, B, A], B, 1),
        ([A, B, A, B], A, 2),
        ([A, ASK], ASK, 1),
        ([A, ASK, ASK, ASK], ASK, 2),
        ([A, B, A, C], None, 0),
    ],
)
def test_the_model_knows_its_circles(actions: list[Action], following: Action | None, seen: int) -> None:
    assert circle(actions) == (following, seen)


def stays(actions: list[Action], *, told: bool) -> float:
    following, _ = circle(actions)
    return sum(decided(actions, told, random.Random(seed)) == following for seed in range(400)) / 400


def test_the_more_repetitions_it_sees_the_likelier_it_goes_on_and_less_so_when_it_is_told() -> None:
    assert stays([A, B, B], told=False) < stays([A, B, B, B, B], told=False)
    assert stays([A, B, B, B, B], told=True) < stays([A, B, B], told=False)


def test_with_its_repetitions_gone_it_goes_on_with_its_task() -> None:
    following = [decided([A, B], False, random.Random(seed)) for seed in range(400)]
    assert following.count(Action("look_up", 3)) > 360
    assert decided([Action("look_up", STEPS)], False, random.Random(1)) is None


def test_a_loop_is_what_was_repeated_twice_and_ends_with_something_new() -> None:
    shown = [Shown([], told=number in {5, 9}, hidden=2 * (number == 9), tokens=1) for number in range(10)]
    run = Run(1, actions=[A, B, A, C, C, C, Action("look_up", 4), ASK, ASK, ASK], end="step_budget", requests=shown)
    found = loops(run)
    assert found == [Loop(shown[4:7], shown[6]), Loop(shown[8:10], None)]
    assert [(loop.nudged, loop.pruned, loop.by_nudge, loop.by_prune) for loop in found] == [
        (True, False, False, False),
        (False, True, False, False),
    ]
