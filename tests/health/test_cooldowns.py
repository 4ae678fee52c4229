"""How long what has failed is left alone, and what of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.failures import Failure, FailureKind
from policyroute.health.cooldowns import FIRST, LONGEST, MOST, NOT_FOUND, PROBE, Cooldowns
from policyroute.health.places import TRANSPORT, Place

HERE = Place("https://a.example/v1", "eu", "m", "chat", "key")
OTHER_MODEL = Place("https://a.example/v1", "eu", "n", "chat", "key")
OTHER_REGION = Place("https://a.example/v1", "us", "m", "chat", "key")
OTHER_ENDPOINT = Place("https://b.example/v1", "eu", "m", "chat", "key")
OTHER_ACCOUNT = Place("https://a.example/v1", "eu", "m", "chat", "another key")
OTHER_OPERATION = Place("https://a.example/v1", "eu", "m", "embeddings", "key")
POOL = Place("https://a.example/v1", "eu", "m", "chat", None)
PLACES = {
    "model": OTHER_MODEL,
    "region": OTHER_REGION,
    "endpoint": OTHER_ENDPOINT,
    "account": OTHER_ACCOUNT,
    "operation": OTHER_OPERATION,
}

NOBODYS = sorted(
    {
        FailureKind.AUTH,
        FailureKind.CONTEXT_OVERFLOW,
        FailureKind.INVALID_REQUEST,
        FailureKind.CONTENT_FILTERED,
        FailureKind.REFUSED,
        FailureKind.TRUNCATED,
        FailureKind.SCHEMA_INVALID,
        FailureKind.TIMEOUT_TOTAL,
    }
)


def failure(kind: FailureKind, stated: float | None = None) -> Failure:
    return Failure(kind, "in words", retry_after=stated)


OVERLOADED, DOWN = failure(FailureKind.OVERLOADED), failure(FailureKind.UNAVAILABLE)


def left(table: Cooldowns, now: float, place: Place = HERE) -> float:
    cooling = table.cooling(place, now)
    return cooling.until - now if cooling else 0.0


# Windows --------------------------------------------------------------------------------------------------------------


def windows(table: Cooldowns, *failures: Failure) -> list[float]:
    """What each one leads to, where the next comes when it is over."""
    now, found = 1000.0, list[float]()
    for each in failures:
        table.failed(HERE, each, now)
        found.append(left(table, now))
        now += found[-1]
    return found


def test_who_says_that_it_is_overloaded_rests_at_once_and_longer_each_time() -> None:
    assert windows(Cooldowns(), *[OVERLOADED] * 7) == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("kind", sorted(TRANSPORT))
def test_what_may_happen_to_anybody_once_counts_from_the_second_in_a_row(kind: FailureKind) -> None:
    assert windows(Cooldowns(), *[failure(kind)] * 8) == [0, 1, 2, 4, 8, 16, 30, 30]


def test_what_the_provider_says_counts_whatever_it_is() -> None:
    assert windows(Cooldowns(), failure(FailureKind.OVERLOADED, 90), failure(FailureKind.UNAVAILABLE, 7)) == [90, 7]
    assert windows(Cooldowns(), failure(FailureKind.OVERLOADED, 0.0)) == [0]


def test_a_shorter_one_does_not_shorten_the_longer() -> None:
    table = Cooldowns()
    table.failed(HERE, failure(FailureKind.OVERLOADED, 60), 0.0)
    table.failed(HERE, failure(FailureKind.OVERLOADED, 1), 1.0)
    table.failed(HERE, OVERLOADED, 2.0)
    assert left(table, 2.0) == 58
    table.failed(HERE, failure(FailureKind.OVERLOADED, 90), 3.0)
    assert left(table, 3.0) == 90


def test_fifty_that_fail_at_once_are_one_failure() -> None:
    table = Cooldowns()
    for _ in range(50):
        table.failed(HERE, OVERLOADED, 0.0)
    assert left(table, 0.0) == FIRST
    for _ in range(50):
        table.failed(HERE, OVERLOADED, FIRST)
    assert left(table, FIRST) == 2 * FIRST


def test_an_answer_ends_the_row_and_no_cool_down() -> None:
    table = Cooldowns()
    table.failed(HERE, failure(FailureKind.OVERLOADED, 20), 0.0)
    table.succeeded(HERE, 5.0)
    assert left(table, 5.0) == 15
    table.failed(HERE, OVERLOADED, 20.0)
    assert left(table, 20.0) == FIRST
    table.succeeded(HERE, 21.0)
    assert not table
    table.failed(HERE, DOWN, 22.0)
    assert left(table, 22.0) == 0


@pytest.mark.parametrize("kind", NOBODYS)
def test_what_is_about_the_request_or_a_key_cools_nothing(kind: FailureKind) -> None:
    table = Cooldowns()
    for stated in (None, 60.0):
        table.failed(HERE, failure(kind, stated), 0.0)
    assert not table


def test_an_answer_that_departs_from_anothers_is_nobodys_illness() -> None:
    table = Cooldowns()
    for _ in range(3):
        table.failed(HERE, Failure(FailureKind.STREAM_BROKEN, "in words", code="departed"), 0.0)
    assert not table


# Scopes ---------------------------------------------------------------------------------------------------------------


def rests(kind: FailureKind, *, reached: bool = True) -> set[str]:
    """Who else is left alone when it happens twice here."""
    table = Cooldowns()
    for _ in range(2):
        table.failed(HERE, failure(kind), 0.0, reached=reached)
    assert left(table, 0.0) > 0
    return {name for name, place in PLACES.items() if left(table, 0.0, place)}


@pytest.mark.parametrize("kind", sorted({FailureKind.OVERLOADED, *TRANSPORT} - {FailureKind.TIMEOUT_CONNECT}))
def test_one_model_at_one_endpoint_in_one_region(kind: FailureKind) -> None:
    assert rests(kind) == {"account", "operation"}


def test_who_cannot_be_connected_to_cannot_be_asked_for_another_model() -> None:
    assert rests(FailureKind.TIMEOUT_CONNECT) == {"model", "account", "operation"}
    assert rests(FailureKind.UNAVAILABLE, reached=False) == {"model", "account", "operation"}


def test_a_model_that_is_not_there_is_not_there_in_any_region_until_the_policy_changes() -> None:
    assert rests(FailureKind.MODEL_NOT_FOUND) == {"region", "account"}
    table = Cooldowns()
    table.failed(HERE, failure(FailureKind.MODEL_NOT_FOUND), 0.0)
    table.failed(OTHER_MODEL, OVERLOADED, 0.0)
    assert left(table, 0.0) == NOT_FOUND
    table.reloaded()
    assert (left(table, 0.0), left(table, 0.0, OTHER_MODEL)) == (0, FIRST)


def test_limits_and_quotas_are_of_the_account() -> None:
    assert rests(FailureKind.RATE_LIMITED) == {"region", "operation"}
    assert rests(FailureKind.QUOTA_EXHAUSTED) == {"region", "operation", "model"}


@pytest.mark.parametrize("kind", [FailureKind.RATE_LIMITED, FailureKind.QUOTA_EXHAUSTED])
def test_several_keys_have_rests_of_their_own(kind: FailureKind) -> None:
    table = Cooldowns()
    table.failed(POOL, failure(kind, 60), 0.0)
    assert not table


@pytest.mark.parametrize("kind", [FailureKind.RATE_LIMITED, FailureKind.MODEL_NOT_FOUND])
def test_what_happens_to_a_callers_key_is_the_callers(kind: FailureKind) -> None:
    table = Cooldowns()
    table.failed(HERE, Failure(kind, "in words", retry_after=60, client_key=True), 0.0)
    assert not table
    table.failed(HERE, Failure(FailureKind.OVERLOADED, "in words", client_key=True), 0.0)
    assert left(table, 0.0) == FIRST


# After it -------------------------------------------------------------------------------------------------------------


def test_when_it_is_over_one_goes_first() -> None:
    table = Cooldowns()
    table.failed(HERE, OVERLOADED, 0.0)
    assert not table.admitted(HERE, 0.5)  # who is asked all the same finds out nothing for the others
    assert table.cooling(HERE, 1.0) is None
    assert table.admitted(HERE, 1.0)
    assert left(table, 1.0) == PROBE
    assert left(table, 1.0 + PROBE) == 0
    assert table.admitted(HERE, 1.0 + PROBE)


def test_what_the_first_finds_holds_for_all() -> None:
    for word in ("begun", "succeeded", "left", "failed", "wrong request"):
        table = Cooldowns()
        table.failed(HERE, OVERLOADED, 0.0)
        table.admitted(HERE, 1.0)
        if word == "begun":
            table.begun(HERE, 2.0)
            assert not table.admitted(HERE, 2.0)
        elif word == "succeeded":
            table.succeeded(HERE, 2.0)
            assert not table
        elif word == "left":
            table.left(HERE)
            assert table.admitted(HERE, 2.0)
            continue
        elif word == "wrong request":
            table.failed(HERE, failure(FailureKind.INVALID_REQUEST), 2.0)
        else:
            table.failed(HERE, OVERLOADED, 2.0)
            assert left(table, 2.0) == 2 * FIRST
            continue
        assert left(table, 2.0) == 0


def test_an_answer_that_begins_in_a_cool_down_does_not_end_it() -> None:
    table = Cooldowns()
    table.failed(HERE, failure(FailureKind.OVERLOADED, 20), 0.0)
    table.begun(HERE, 5.0)
    assert left(table, 5.0) == 15
    assert table.admitted(HERE, 20.0)


# Whatever happens -----------------------------------------------------------------------------------------------------

STEPS = st.tuples(
    st.sampled_from(["failed", "admitted", "begun", "succeeded", "left"]),
    st.sampled_from([HERE, *PLACES.values(), POOL]),
    st.sampled_from(sorted(FailureKind)),
    st.booleans(),
    st.floats(0, 40),
)


@given(st.lists(STEPS, max_size=60))
def test_it_never_shrinks_and_ends_within_half_a_minute(
    steps: list[tuple[str, Place, FailureKind, bool, float]],
) -> None:
    table, now, promised = Cooldowns(), 0.0, dict[Place, float]()
    for word, place, kind, reached, later in steps:
        now += later
        before = table.cooling(place, now)
        if word == "failed":
            until = table.failed(place, failure(kind), now, reached=reached)
            promised[place] = max(until, promised.get(place, 0.0))
            assert kind is FailureKind.MODEL_NOT_FOUND or until <= now + LONGEST or until <= promised[place]
        elif word == "admitted":
            table.admitted(place, now)
        elif word == "begun":
            table.begun(place, now)
        elif word == "succeeded":
            table.succeeded(place, now)
        else:
            table.left(place)
        for each, until in promised.items():
            cooling = table.cooling(each, now)
            assert until <= now or (cooling is not None and cooling.until >= until)
            lasting = cooling is not None and cooling.kind is not FailureKind.MODEL_NOT_FOUND
            assert not lasting or cooling is None or cooling.until <= now + LONGEST
        assert before is None or before.until >= now


def test_what_is_known_is_bounded() -> None:
    table = Cooldowns()
    for number in range(MOST + 500):
        table.failed(Place(number, "eu", "m", "chat", None), failure(FailureKind.OVERLOADED, 60.0 + number), 0.0)
    assert len(table) == MOST
    assert left(table, 0.0, Place(MOST + 499, "eu", "m", "chat", None)) > 60
    assert left(table, 0.0, Place(0, "eu", "m", "chat", None)) == 0
    table.failed(HERE, OVERLOADED, 1e6)
    assert len(table) == 1


def test_what_it_rests_for_longest_is_what_it_rests_for() -> None:
    table = Cooldowns()
    table.failed(HERE, failure(FailureKind.MODEL_NOT_FOUND), 0.0)
    table.failed(HERE, failure(FailureKind.EMPTY), 1.0)
    cooling = table.cooling(HERE, 1.0)
    assert cooling is not None
    assert (cooling.kind, cooling.until) == (FailureKind.MODEL_NOT_FOUND, NOT_FOUND)
