"""When a circuit opens, who is let through, and when it closes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.failures import Failure, FailureKind
from policyroute.health.breaker import (
    LEARNT,
    OPEN,
    OPEN_LONGEST,
    PROBE_EVERY,
    ROW,
    SLOW,
    SPREAD,
    WINDOW,
    Circuit,
    State,
)
from policyroute.health.breakers import MOST, Breakers
from policyroute.health.places import TRANSPORT, Place

DOWN = FailureKind.UNAVAILABLE
HERE = Place("https://a.example/v1", "eu", "m", "chat", "key")


def told(circuit: Circuit, ends: str, now: float = 0.0, first: float | None = None) -> Circuit:
    """`+` is an answer, `-` a failure, one after the other."""
    for end in ends:
        if end == "+":
            circuit.succeeded(first, now - 0.1, now)
        else:
            circuit.failed(DOWN, now - 0.1, now)
    return circuit


def opened() -> Circuit:
    """At 0.0, for the first time."""
    return told(Circuit(), "-" * ROW)


# Opening --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["-----", "+-----", "-+-+-+--", "+++++-----", "++++----", "-+--+--+-"])
def test_five_in_a_row_or_half_of_eight_open_it(ends: str) -> None:
    assert told(Circuit(), ends[:-1]).state(0.0) is State.CLOSED
    assert told(Circuit(), ends).state(0.0) is State.OPEN


@pytest.mark.parametrize("ends", ["----", "----+--", "---++++++--", "+" * 20 + "---+" * 5])
def test_less_does_not(ends: str) -> None:
    assert told(Circuit(), ends).closed


def test_what_is_older_than_the_window_counts_no_more() -> None:
    circuit = told(Circuit(), "-+-+-+")
    assert circuit.error_rate(0.0) == circuit.error_rate(WINDOW - 5.0) == 0.5
    assert circuit.error_rate(WINDOW) == 0.0
    assert told(circuit, "----", WINDOW).closed


@given(st.lists(st.tuples(st.sampled_from("+++-"), st.floats(0, 20)), max_size=60))
def test_the_rate_is_that_of_the_last_twelve_buckets(steps: list[tuple[str, float]]) -> None:
    circuit, now, ends = Circuit(), 0.0, list[tuple[int, str]]()
    for end, later in steps:
        now += later
        ends.append((int(now / 5.0), end))
        told(circuit, end, now)
        kept = [each for bucket, each in ends if bucket > int(now / 5.0) - 12]
        assert circuit.error_rate(now) == pytest.approx(kept.count("-") / len(kept))
        if not circuit.closed:
            return  # where it closes again it begins anew


# First tokens ---------------------------------------------------------------------------------------------------------


def learnt(first: float) -> Circuit:
    return told(Circuit(), "+" * LEARNT, 0.0, first)


def test_eight_first_tokens_that_take_far_longer_than_usual_open_it() -> None:
    circuit = told(learnt(0.5), "+" * 7, WINDOW, SLOW + 0.1)
    assert circuit.closed
    told(circuit, "+", WINDOW, SLOW + 0.1)
    assert (circuit.state(WINDOW), circuit.kind) == (State.OPEN, FailureKind.TIMEOUT_TTFT)


def test_what_has_always_been_slow_is_not_and_nothing_is_before_the_usual_is_known() -> None:
    assert told(learnt(8.0), "+" * 30, WINDOW, 20.0).closed
    assert told(Circuit(), "+" * LEARNT, 0.0, 90.0).closed
    assert told(learnt(0.5), "+" * 30, WINDOW, SLOW - 0.1).closed  # less than SLOW is never slow


def test_fewer_than_four_of_five_slow_ones_are_not_enough() -> None:
    circuit = learnt(0.5)
    for _ in range(10):
        told(circuit, "+", WINDOW, 0.5)
        told(circuit, "+++", WINDOW, 30.0)
    assert circuit.closed


def test_a_slow_answer_closes_nothing() -> None:
    circuit = told(learnt(0.5), "+" * 8, WINDOW, 30.0)
    until = circuit.until
    now = circuit.probe
    assert circuit.admitted(now)
    circuit.succeeded(30.0, now, now + 30.0)
    assert circuit.state(now + 30.0) is State.OPEN
    assert circuit.until > until


# Open -----------------------------------------------------------------------------------------------------------------


def test_it_is_open_for_twice_as_long_each_time_up_to_a_bound() -> None:
    circuit, now, lasting = opened(), 0.0, list[float]()
    for _ in range(9):
        lasting.append(circuit.until - now)
        now = circuit.until
        assert circuit.admitted(now)
        circuit.failed(DOWN, now, now)
    for number, seconds in enumerate(lasting):
        about = min(OPEN_LONGEST, OPEN * 2**number)
        assert about * (1 - SPREAD) <= seconds <= min(OPEN_LONGEST, about * (1 + SPREAD))


def test_places_and_processes_do_not_ask_again_all_at_once() -> None:
    def first(seed: int, model: str) -> float:
        place, table = Place("https://a.example", "eu", model, "chat", None), Breakers(seed)
        for _ in range(ROW):
            table.failed(place, Failure(DOWN, "in words"), 0.0, 0.0)
        return table.at(place).until

    found = [first(seed, model) for seed in range(5) for model in "abcd"]
    assert len(set(found)) == len(found)
    assert found == [first(seed, model) for seed in range(5) for model in "abcd"]


@given(st.lists(st.tuples(st.sampled_from(["+", "-", "admitted", "left"]), st.floats(0, 40), st.floats(0, 60))))
def test_until_never_moves_back_and_somebody_is_let_through_every_30_seconds(
    steps: list[tuple[str, float, float]],
) -> None:
    circuit, now = opened(), 0.0
    for word, later, took in steps:
        now += later
        before = circuit.until
        if word == "+":
            circuit.succeeded(None, now - took, now)
        elif word == "-":
            circuit.failed(DOWN, now - took, now)
        elif word == "admitted":
            circuit.admitted(now)
        else:
            circuit.left(now)
        assert circuit.until >= before or circuit.closed
        assert circuit.probe <= now + PROBE_EVERY


def test_what_began_before_it_opened_is_no_news() -> None:
    circuit = opened()
    until = circuit.until
    told(circuit, "-" * 20 + "+" * 5, 0.05)
    assert (circuit.until, circuit.state(0.05)) == (until, State.OPEN)


def test_what_is_asked_all_the_same_while_it_is_open_makes_it_no_longer() -> None:
    """Where nobody else can be asked, everything goes there. One that is let through says whether it is still ill."""
    circuit = opened()
    until, probe = circuit.until, circuit.probe
    told(circuit, "-" * 20, until - 1)
    assert (circuit.until, circuit.probe) == (until, probe)
    assert circuit.admitted(until)
    circuit.failed(DOWN, until, until + 1)
    assert circuit.until > until + 1 + OPEN


def test_slow_answers_of_what_is_asked_all_the_same_make_it_no_longer() -> None:
    circuit = told(learnt(0.5), "+" * 8, WINDOW, 30.0)
    until = circuit.until
    told(circuit, "+" * 20, until - 1, 30.0)
    assert circuit.until == until


# Half open ------------------------------------------------------------------------------------------------------------


def test_one_at_a_time_is_let_through_and_two_answers_close_it() -> None:
    circuit = opened()
    now = circuit.until
    assert not circuit.admitted(now - 0.1)
    assert circuit.state(now) is State.HALF_OPEN
    assert [circuit.admitted(now) for _ in range(50)] == [True] + [False] * 49
    circuit.succeeded(None, now, now + 1)
    assert circuit.state(now + 1) is State.HALF_OPEN
    assert [circuit.admitted(now + 1) for _ in range(50)] == [True] + [False] * 49
    circuit.succeeded(None, now + 1, now + 2)
    assert circuit.closed
    assert told(circuit, "----", now + 3).closed  # and what was before is forgotten


def test_one_that_finds_nothing_lets_another_one_through() -> None:
    circuit = opened()
    now = circuit.until
    assert circuit.admitted(now)
    circuit.left(now + 1)
    assert circuit.admitted(now + 1)
    circuit.failed(DOWN, now + 1, now + 2)
    circuit.left(now + 2)
    assert not circuit.admitted(now + 2)


def test_one_that_never_ends_is_not_waited_for_longer_than_30_seconds() -> None:
    circuit = opened()
    now = circuit.until
    assert circuit.admitted(now)
    assert not circuit.admitted(now + PROBE_EVERY - 0.1)
    assert circuit.admitted(now + PROBE_EVERY)


# All of them ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(FailureKind))
def test_only_what_the_place_has_done_counts(kind: FailureKind) -> None:
    table = Breakers()
    for code in ("departed", "circling"):
        for _ in range(ROW):
            table.failed(HERE, Failure(kind, "in words", code=code), 0.0, 0.0)
    assert not table
    for _ in range(ROW):
        table.failed(HERE, Failure(kind, "in words"), 0.0, 0.0)
    assert bool(table) is table.is_broken(HERE) is (kind in {*TRANSPORT, FailureKind.OVERLOADED})


def test_a_circuit_is_of_one_model_in_one_region_at_one_base_url() -> None:
    table = Breakers()
    for _ in range(ROW):
        table.failed(HERE, Failure(DOWN, "in words"), 0.0, 0.0)
    assert table.is_broken(Place("https://a.example/v1", "eu", "m", "embeddings", "another key"))
    for other in (
        Place("https://a.example/v1", "eu", "n", "chat", "key"),
        Place("https://a.example/v1", "us", "m", "chat", "key"),
        Place("https://b.example/v1", "eu", "m", "chat", "key"),
    ):
        assert not table.is_broken(other)
        assert table.at(other).closed


def test_what_is_known_is_bounded_and_who_is_open_is_kept() -> None:
    table = Breakers()
    for _ in range(ROW):
        table.failed(HERE, Failure(DOWN, "in words"), 0.0, 0.0)
    for number in range(MOST + 5):
        table.succeeded(Place(number, "eu", "m", "chat", None), None, 0.0, 0.0)
    assert len(table) == MOST
    assert table.is_broken(HERE)
