"""Pools of keys: which one is chosen, and how long one rests."""

from __future__ import annotations

import logging

import pytest
from tests.support.exchanges import candidate

from policyroute.failures import Failure, FailureKind
from policyroute_asgi.provider_keys import ACCOUNT_WINDOW, NO_KEY, RATE_WINDOW, REFUSED_WINDOW, ProviderKeys
from policyroute_asgi.secrets import Key

VENDOR = candidate("vendor", "https://vendor.example/v1").provider
A, B, C = (Key(f"env {name}", f"sk-{name}-0123456789") for name in "ABC")
POOL = (A, B, C)

LIMITED = Failure(FailureKind.RATE_LIMITED, "slow down", 429)
EMPTY = Failure(FailureKind.QUOTA_EXHAUSTED, "no credit", 429)
REFUSED = Failure(FailureKind.AUTH, "who?", 401)
FORBIDDEN = Failure(FailureKind.AUTH, "not this model", 403)


class Ring:
    def __init__(self) -> None:
        self.now = 1000.0
        self.keys = ProviderKeys(lambda: self.now)
        self.keys.use({"vendor": POOL}, {"vendor": VENDOR})

    def choose(
        self, pool: tuple[Key, ...] = POOL, model: str = "m", conversation: str = "", tried: tuple[Key, ...] = ()
    ) -> Key | Failure:
        return self.keys.choose(VENDOR, pool, model, conversation, tried)

    def fail(self, key: Key, failure: Failure, model: str = "m") -> None:
        self.keys.opened(VENDOR, key)
        self.keys.failed(VENDOR, key, model, failure)
        self.keys.closed(VENDOR, key)

    def states(self) -> dict[str, int]:
        return {state: count for _, state, count in self.keys.states() if count}


def limited(seconds: float | None) -> Failure:
    return Failure(FailureKind.RATE_LIMITED, "slow down", 429, retry_after=seconds)


# The choice -----------------------------------------------------------------------------------------------------------


def test_the_key_with_the_fewest_open_attempts_then_each_in_turn() -> None:
    ring = Ring()
    for expected in (A, B, C):
        assert ring.choose() == expected
        ring.keys.opened(VENDOR, expected)
    ring.keys.closed(VENDOR, B)
    assert ring.choose() == B
    ring.keys.closed(VENDOR, A)
    ring.keys.closed(VENDOR, C)
    assert ring.choose() == A


def test_a_conversation_stays_with_one_key_however_busy_it_is() -> None:
    ring = Ring()
    first = ring.choose(conversation="c-1")
    assert isinstance(first, Key)
    ring.keys.opened(VENDOR, first)
    assert {ring.choose(conversation="c-1") for _ in range(5)} == {first}
    assert {ring.choose(conversation=f"c-{number}") for number in range(50)} == {A, B, C}
    ring.fail(first, LIMITED)
    second = ring.choose(conversation="c-1")
    assert second in {A, B, C} - {first}
    assert ring.choose(conversation="c-1") == second


def test_a_key_that_was_tried_comes_last() -> None:
    ring = Ring()
    assert ring.choose(tried=(A, B)) == C
    assert ring.choose(tried=POOL) == A
    assert not ring.keys.has_other(VENDOR, POOL, "m", POOL)
    assert ring.keys.has_other(VENDOR, POOL, "m", (A,))


# Rests ----------------------------------------------------------------------------------------------------------------


def test_a_rate_limit_is_of_a_key_and_a_model() -> None:
    ring = Ring()
    ring.fail(A, limited(30.0))
    assert ring.choose() == B
    assert ring.choose(model="other") == B  # which waited longer
    assert ring.choose(pool=(A, B), model="other", tried=(B,)) == A
    ring.now += 30.0
    assert ring.choose(pool=(A, B), tried=(B,)) == A


@pytest.mark.parametrize(("failure", "rest"), [(limited(None), RATE_WINDOW), (EMPTY, ACCOUNT_WINDOW)])
def test_a_rest_that_is_not_stated(failure: Failure, rest: float) -> None:
    ring = Ring()
    ring.fail(A, failure)
    ring.now += rest - 1
    assert ring.choose(pool=(A, B), tried=(B,)) == B
    ring.now += 1
    assert ring.choose(pool=(A, B), tried=(B,)) == A


def test_the_longer_rest_counts() -> None:
    ring = Ring()
    ring.fail(A, limited(60.0))
    ring.fail(A, limited(5.0))
    ring.now += 59.0
    assert ring.choose(pool=(A, B), tried=(B,)) == B


def test_a_quota_and_a_refusal_are_of_a_key_whatever_the_model() -> None:
    for failure in (EMPTY, REFUSED):
        ring = Ring()
        ring.fail(A, failure)
        assert ring.choose(pool=(A, B), model="other", tried=(B,)) == B


def test_where_every_key_rests_the_soonest_is_told() -> None:
    ring = Ring()
    ring.fail(A, limited(40.0))
    ring.fail(B, REFUSED)
    ring.fail(C, limited(20.0))
    ring.now += 5.0
    told = ring.choose()
    assert isinstance(told, Failure)
    assert (told.kind, told.retry_after, told.code) == (FailureKind.RATE_LIMITED, 15.0, NO_KEY)


def test_where_every_key_was_refused_that_is_told() -> None:
    ring = Ring()
    for key in POOL:
        ring.fail(key, REFUSED)
    told = ring.choose()
    assert isinstance(told, Failure) and told.kind is FailureKind.AUTH


def test_a_403_may_be_about_the_prompt_and_rests_nothing() -> None:
    ring = Ring()
    ring.fail(A, FORBIDDEN)
    assert ring.choose(pool=(A, B), tried=(B,)) == A
    assert ring.choose(pool=(A,)) == A


def test_a_key_that_is_alone_is_used_while_it_rests_but_not_once_refused() -> None:
    ring = Ring()
    for failure in (limited(60.0), EMPTY):
        ring.fail(A, failure)
        assert ring.choose(pool=(A,)) == A
    ring.fail(A, REFUSED)
    told = ring.choose(pool=(A,))
    assert isinstance(told, Failure) and told.kind is FailureKind.AUTH
    ring.now += REFUSED_WINDOW
    assert ring.choose(pool=(A,)) == A


# New keys -------------------------------------------------------------------------------------------------------------


def test_new_keys_give_the_refused_another_chance_and_leave_the_other_rests() -> None:
    ring = Ring()
    ring.fail(A, REFUSED)
    ring.fail(B, limited(60.0))
    pool = (A, B)
    ring.keys.use({"vendor": pool}, {"vendor": VENDOR})
    assert ring.choose(pool=pool) == A
    assert ring.choose(pool=pool, tried=(A,)) == A


def test_a_key_that_comes_back_with_another_value_begins_anew() -> None:
    ring = Ring()
    ring.fail(A, limited(60.0))
    changed = Key(A.place, "sk-changed")
    ring.keys.use({"vendor": (changed,)}, {"vendor": VENDOR})
    assert ring.states() == {"ready": 1}


def test_a_key_that_is_gone_while_an_attempt_is_open_with_it_hurts_nobody() -> None:
    ring = Ring()
    ring.keys.opened(VENDOR, A)
    ring.keys.use({"vendor": (B,)}, {"vendor": VENDOR})
    ring.keys.failed(VENDOR, A, "m", LIMITED)
    ring.keys.closed(VENDOR, A)
    assert ring.states() == {"ready": 1}


# What is said ---------------------------------------------------------------------------------------------------------


def test_the_states_are_counted() -> None:
    ring = Ring()
    ring.fail(A, limited(60.0))
    ring.fail(B, REFUSED)
    assert ring.states() == {"ready": 1, "rate_limited": 1, "auth": 1}
    ring.now += 60.0
    assert ring.states() == {"ready": 2, "auth": 1}


def test_a_refused_key_is_said_once_by_its_place(caplog: pytest.LogCaptureFixture) -> None:
    ring = Ring()
    with caplog.at_level(logging.WARNING, "policyroute.keys"):
        for _ in range(3):
            ring.fail(B, REFUSED)
        ring.fail(C, EMPTY)
    error, warning = caplog.records
    assert error.levelno == logging.ERROR and "vendor" in error.getMessage() and "env B" in error.getMessage()
    assert warning.levelno == logging.WARNING and "env C" in warning.getMessage()
    assert not any(key.value in caplog.text + repr(key) for key in POOL)


def test_a_new_policy_while_states_are_read_is_no_trouble() -> None:
    ring, other = Ring(), candidate("other", "https://other.example/v1").provider
    ring.keys.use({"vendor": POOL, "other": POOL}, {"vendor": VENDOR, "other": other})
    reading = ring.keys.states()  # by another thread
    assert next(reading)[0] == "vendor"
    ring.keys.use({"vendor": POOL}, {"vendor": VENDOR})
    assert {name for name, _, _ in reading} == {"vendor", "other"}
    assert {name for name, _, _ in ring.keys.states()} == {"vendor"}
