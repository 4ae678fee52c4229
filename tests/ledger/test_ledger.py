"""What is spent: windows, accounts, and what happens to both in any order."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.ledger import (
    FORGOTTEN,
    NOTHING,
    Account,
    Hold,
    Window,
    held,
    paid,
    read,
    rejoined,
    warned,
    written,
)

MOMENTS = st.floats(0, 4e9)
AMOUNTS = st.integers(0, 1000).map(lambda cents: cents / 64)


@given(MOMENTS, st.sampled_from(["day", "month", 60.0, 86400.0]), st.sampled_from(["UTC", "Europe/Berlin", "-03:30"]))
def test_windows_lie_side_by_side(now: float, length: float | str, tz: str) -> None:
    window = Window(length, tz)
    begins, ends = window.of(now)
    assert begins <= now < ends
    assert window.of(begins) == window.of((begins + ends) / 2) == (begins, ends)
    assert window.of(ends)[0] == ends


@pytest.mark.parametrize(
    ("length", "began", "hours"),
    [("day", "2026-03-29T00:00", 23), ("day", "2026-10-25T00:00", 25), ("month", "2026-03-01T00:00", 31 * 24 - 1)],
)
def test_days_and_months_are_the_calendars(length: str, began: str, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    begins, ends = Window(length, "Europe/Berlin").of(datetime.fromisoformat(began).replace(tzinfo=berlin).timestamp())
    assert datetime.fromtimestamp(begins, berlin).isoformat()[:16] == began
    assert (ends - begins) / 3600 == hours


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, st.booleans()), max_size=40), st.integers(1, 500).map(lambda c: c / 64))
def test_what_is_over_the_limit_is_what_calls_cost_more_than_was_held(
    calls: list[tuple[float, float, bool]], limit: float
) -> None:
    """Calls as (held, cost, whether it ends at once), each let through as long as something is left."""
    account, over, let = NOTHING, 0.0, 0.0
    largest = max((hold for hold, _, _ in calls), default=0.0)
    for number, (hold, cost, ends) in enumerate(calls):
        name = str(number)
        account = held(account, name, Hold(hold, 0.0), limit)
        if name in account.holds:
            let += cost if ends else 0.0
            if ends:
                over += max(0.0, cost - hold)
                account = paid(account, name, cost)
    assert account.paid_usd == let
    assert account.spent_usd <= limit + largest + over


def test_what_is_used_up_holds_nobody() -> None:
    full = paid(NOTHING, "a", 1.0)
    assert held(full, "b", Hold(0.0, 0.0), 1.0) == full
    assert "b" in held(full, "b", Hold(0.0, 0.0), 1.01).holds


def test_a_call_that_nobody_pays_counts_as_what_was_held() -> None:
    account = held(NOTHING, "gone", Hold(0.25, 0.0), 1.0)
    later = held(account, "next", Hold(0.5, FORGOTTEN + 1), 1.0)
    assert (later.paid_usd, set(later.holds), later.spent_usd) == (0.25, {"next"}, 0.75)


def test_one_call_is_the_first_at_the_threshold() -> None:
    account, said = NOTHING, list[str]()
    for name in "abcd":
        account = warned(paid(account, name, 0.3), name, 0.8)
        said += [name] if account.warned == name else []
    assert said == ["c"]


ACCOUNTS = st.builds(
    Account,
    AMOUNTS,
    st.dictionaries(st.sampled_from("abc"), st.builds(Hold, AMOUNTS, MOMENTS)),
    st.sampled_from(["", "a"]),
)


@given(ACCOUNTS)
def test_what_is_written_is_read(account: Account) -> None:
    assert read(written(account)) == account


@pytest.mark.parametrize(
    "row", [None, b"", b"{", b"[]", b'[2,1,{},""]', b'[1,"x",{},""]', b'[1,1,[],""]', b"[1,1,7,8]"]
)
def test_what_makes_no_sense_is_nothing(row: bytes | None) -> None:
    assert read(row) == NOTHING


@given(ACCOUNTS, AMOUNTS, AMOUNTS)
def test_what_two_did_apart_is_there_when_they_meet(base: Account, here: float, there: float) -> None:
    """One could not reach the account, others went on with it."""
    alone = paid(held(base, "mine", Hold(1.0, 0.0), float("inf")), "a", here)
    others = paid(held(base, "theirs", Hold(1.0, 0.0), float("inf")), "b", there)
    met = rejoined(others, base, alone)
    assert met.paid_usd == pytest.approx(base.paid_usd + here + there)
    assert met.holds.keys() == (base.holds.keys() | {"mine", "theirs"}) - {"a", "b"}
