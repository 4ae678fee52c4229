"""How often answers fit their schemas: the recent ones count, and the table has an end."""

from __future__ import annotations

import pytest

from policyroute_asgi.integrity import MOST, Integrity


def test_the_share_of_what_fits_is_known_from_the_first_answer_on() -> None:
    table = Integrity()
    assert table.share("p", "m", "s") is None
    table.note("p", "m", "s", True)
    assert table.share("p", "m", "s") == 1.0
    table.note("p", "m", "other", False)
    assert (table.share("p", "m", "s"), table.share("p", "m", "other"), table.share("q", "m", "s")) == (1.0, 0.0, None)


def test_what_is_old_counts_for_less() -> None:
    table = Integrity()
    for intact in [True] * 300 + [False] * 50:
        table.note("p", "m", "s", intact)
    assert table.share("p", "m", "s") == pytest.approx(0.98**50, abs=0.01)
    [row] = table.rows()
    assert row.samples == pytest.approx(50, abs=0.1)


def test_the_row_that_was_noted_longest_ago_goes_first() -> None:
    table = Integrity()
    for number in range(MOST):
        table.note("p", "m", str(number), True)
    table.note("p", "m", "0", True)
    table.note("p", "m", "one more", True)
    assert len(list(table.rows())) == MOST
    assert table.share("p", "m", "0") is not None
    assert table.share("p", "m", "1") is None
