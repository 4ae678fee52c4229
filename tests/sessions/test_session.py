"""What a conversation remembers, whatever order its requests end in."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.sessions import Session, Settings, Turn, added, read, written

PINNED = Settings(pin=True)
A, B, C = ("a", "one"), ("b", "two"), ("c", "three")


def turn(served: tuple[str, str] | None, base: int = -1, at: float = 1.0, left: str = "") -> Turn:
    return Turn(at, "AGENT", PINNED, served, 100, base, left)


def after(*turns: Turn) -> Session:
    session: Session | None = None
    for each in turns:
        session = added(session, each)
    assert session is not None
    return session


def test_the_first_that_answers_pins_it() -> None:
    session = after(turn(None), turn(A))
    assert session.pin is not None
    assert (session.pin.place, session.home, session.switches, session.turns) == (A, A, 0, 2)


def test_it_moves_with_the_first_that_is_answered_elsewhere_and_says_why() -> None:
    session = after(turn(A), turn(B, base=0, left="overloaded"))
    assert session.pin is not None
    assert (session.pin.place, session.pin.why, session.switches, session.home) == (B, "overloaded", 1, A)


def test_of_those_that_began_before_it_moved_none_moves_it_again() -> None:
    session = after(turn(A), turn(B, base=0), turn(C, base=0), turn(A, base=0))
    assert session.pin is not None
    assert (session.pin.place, session.switches) == (B, 1)


def test_where_it_went_round_in_circles_is_no_home_any_more() -> None:
    session = after(turn(A), turn(B, base=0, left="divergence"), turn(C, base=1, left="overloaded"))
    assert (session.home, session.switches) == (B, 2)


def test_settings_and_profile_are_those_of_the_first_request() -> None:
    session = after(turn(A), Turn(2.0, "CHAT", Settings(), B, base=0))
    assert (session.profile, session.settings, session.switches) == ("AGENT", PINNED, 1)


def test_without_pin_it_only_remembers_who_answered() -> None:
    session = after(Turn(1.0, "CHAT", Settings(), A), Turn(2.0, "CHAT", Settings(), B))
    assert (session.pin, session.home, session.target) == (None, None, "b")


@pytest.mark.parametrize("order", list(permutations([turn(A), turn(B), turn(C)])))
def test_whoever_is_first_the_others_see_the_same_pin(order: tuple[Turn, ...]) -> None:
    session = after(*order)
    assert session.pin is not None
    assert session.pin.place == order[0].served
    assert session.switches == 0


def test_reactions_are_never_forgotten() -> None:
    session = after(turn(A)._replace(divergence=2, mark="x"), turn(A), turn(A)._replace(divergence=1, mark="y"))
    assert (session.divergence, session.mark) == (2, "x")


def test_what_a_place_was_sent_last_is_remembered_for_the_latest_of_them() -> None:
    turns = [turn((f"t{n}", "p"), at=float(n)) for n in range(20)]
    session = after(*turns, turn(("t13", "p"), at=99.0))
    assert list(session.warm)[-1] == ("t13", "p")
    assert session.warm["t13", "p"].at == 99.0
    assert len(session.warm) == 8


def test_of_many_tasks_the_latest_are_remembered() -> None:
    session = after(*[turn(A)._replace(step=(f"task {n % 12}", n)) for n in range(30)])
    assert len(session.furthest) == 8
    assert session.furthest["task 5"] == 29


_PLACES = st.tuples(st.text(max_size=5), st.text(max_size=5))
_TURNS = st.builds(
    Turn,
    st.floats(0, 1e10),
    st.sampled_from(["CHAT", "AGENT"]),
    st.builds(Settings, st.booleans(), st.floats(0, 60), st.booleans(), st.floats(1, 1e6)),
    st.none() | _PLACES,
    st.integers(0, 10**6),
    st.integers(-1, 3),
    st.sampled_from(["", "overloaded"]),
    st.integers(0, 5),
    st.sampled_from(["", "mark"]),
    st.none() | st.tuples(st.text(max_size=5), st.integers(0, 9)),
)


@given(st.lists(_TURNS, min_size=1, max_size=6))
def test_it_is_read_as_it_was_written(turns: list[Turn]) -> None:
    session = after(*turns)
    assert read(written(session)) == session


@given(st.lists(_TURNS, min_size=1, max_size=6))
def test_a_pin_moves_one_step_at_a_time_and_never_back_in_count(turns: list[Turn]) -> None:
    session: Session | None = None
    for each in turns:
        before = session
        session = added(session, each)
        if before is not None and before.pin is not None:
            assert session.pin is not None
            moved = session.switches - before.switches
            assert moved == (session.pin.place != before.pin.place)
            assert moved in {0, 1}
            assert moved == 0 or each.base == before.switches


@pytest.mark.parametrize("row", [None, b"", b"{", b"[]", b"[2]", b"[1,2,3]", b'{"a": 1}', b'"x"', b"\xff"])
def test_what_makes_no_sense_is_not_there(row: bytes | None) -> None:
    assert read(row) is None
