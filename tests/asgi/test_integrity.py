"""How often answers fit their schemas: the recent ones count, and the table has an end."""

from __future__ import annotations

import pytest

from policyroute_asgi.integrity import MOST, Integrity


def shares(table: Integrity) -> dict[str, float]:
    return {f"{row.provider} {row.model} {row.schema}": row.intact / row.samples for row in table.rows()}


def test_the_share_of_what_fits_is_known_from_the_first_answer_on() -> None:
    table = Integrity()
    table.note("p", "m", "s", True)
    table.note("p", "m", "other", False)
    table.note("q", "m", "other", True)
    assert shares(table) == {"p m s": 1.0, "p m other": 0.0, "q m other": 1.0}


def test_what_is_old_counts_for_less() -> None:
    table = Integrity()
    for intact in [True] * 300 + [False] * 50:
        table.note("p", "m", "s", intact)
    assert shares(table) == {"p m s": pytest.approx(0.98**50, abs=0.01)}
    [row] = table.rows()
    assert row.samples == pytest.approx(50, abs=0.1)


def test_the_row_that_was_noted_longest_ago_goes_first() -> None:
    table = Integrity()
    for number in range(MOST):
        table.note("p", "m", str(number), True)
    table.note("p", "m", "0", True)
    table.note("p", "m", "one more", True)
    assert len(table.rows()) == MOST
    assert [row.schema for row in table.rows()][:1] == ["2"]
    assert [row.schema for row in table.rows()][-2:] == ["0", "one more"]
