"""How good answers have been: few samples prove little, old ones count for less, and the table has an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.health.quality import HALF_LIFE, SCHEMAS, USUAL, AnswerQuality, Quality


def shares(table: AnswerQuality) -> dict[str, float]:
    return {f"{row.provider} {row.model} {row.schema}": row.intact / row.samples for row in table.rows()}


def broken(table: AnswerQuality, schema: str = "s", now: float = 0.0) -> float:
    return 1.0 - table.at("p", "m", schema, now).integrity


def test_rows_are_of_a_schema_and_a_model_at_a_provider() -> None:
    table = AnswerQuality()
    table.fitted("p", "m", "s", True, 0.0)
    table.fitted("p", "m", "other", False, 0.0)
    table.fitted("q", "m", "other", True, 0.0)
    assert shares(table) == {"p m s": 1.0, "p m other": 0.0, "q m other": 1.0}


def test_recent_answers_count_for_more() -> None:
    table = AnswerQuality()
    for intact in [True] * 300 + [False] * 50:
        table.fitted("p", "m", "s", intact, 0.0)
    assert shares(table) == {"p m s": pytest.approx(0.98**50, abs=0.01)}
    [row] = table.rows()
    assert row.samples == pytest.approx(50, abs=0.1)


def test_what_nobody_has_seen_is_as_usual() -> None:
    assert AnswerQuality().at("p", "m", "s", 0.0) == Quality(1 - USUAL, USUAL, USUAL)


@given(st.lists(st.booleans(), max_size=4))
def test_four_answers_prove_nothing(intact: list[bool]) -> None:
    table = AnswerQuality()
    for each in intact:
        table.fitted("p", "m", "s", each, 0.0)
        table.answered("p", "m", 0.0, refused=not each, empty=not each)
    assert table.at("p", "m", "s", 0.0) == Quality()


@given(st.lists(st.booleans(), min_size=5, max_size=60))
def test_a_rate_is_between_what_is_usual_and_what_was_seen(intact: list[bool]) -> None:
    table = AnswerQuality()
    for each in intact:
        table.fitted("p", "m", "s", each, 0.0)
    [row] = table.rows()
    seen = 1 - row.intact / row.samples
    assert min(USUAL, seen) <= broken(table) + 1e-9
    assert broken(table) <= max(USUAL, seen) + 1e-9


def test_a_new_schema_begins_at_what_the_models_others_say() -> None:
    table = AnswerQuality()
    for number in range(40):
        table.fitted("p", "m", "one", number % 2 == 0, 0.0)
    assert broken(table, "new") < 0.1, "one says little"
    for number in range(400):
        table.fitted("p", "m", f"s{number % 10}", number // 10 % 2 == 0, 0.0)
    assert broken(table, "new") > 0.2
    for _ in range(100):
        table.fitted("p", "m", "new", True, 0.0)
    assert broken(table, "new") < 0.2


def test_who_was_bad_is_forgiven_with_time() -> None:
    table = AnswerQuality()
    for _ in range(50):
        table.fitted("p", "m", "s", False, 0.0)
    rates = [broken(table, now=HALF_LIFE * halves) for halves in range(6)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 0.5
    assert rates[-1] == pytest.approx(USUAL)


def test_refusals_and_empty_answers_are_the_models_whatever_the_schema() -> None:
    table = AnswerQuality()
    for number in range(40):
        table.answered("p", "m", 0.0, refused=number % 2 == 0, empty=number % 4 == 0)
    quality = table.at("p", "m", "s", 0.0)
    assert quality.refusal_rate == pytest.approx(0.31, abs=0.03)
    assert quality.empty_rate == pytest.approx(0.16, abs=0.03)
    assert quality.integrity == 1 - USUAL


def test_the_schema_that_was_noted_longest_ago_goes_first() -> None:
    table = AnswerQuality()
    for number in range(SCHEMAS):
        table.fitted("p", "m", str(number), True, 0.0)
    table.fitted("p", "m", "0", True, 0.0)
    table.fitted("p", "m", "one more", True, 0.0)
    assert len(table.rows()) == SCHEMAS
    assert [row.schema for row in table.rows()][:1] == ["2"]
    assert [row.schema for row in table.rows()][-2:] == ["0", "one more"]
