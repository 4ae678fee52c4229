"""An app's own values: found as whole words, however they are written, and never shown."""

from __future__ import annotations

import pytest

from policyroute.exhausted import Exhausted
from policyroute.redact.detector import Detector
from policyroute.redact.known import MOST_VALUES, Known

NONE = Detector([])
PEOPLE = Known(
    {"customer": ["José Müller", "O'Brien", "Ng-Ito", "Łukasz Sørensen"], "account": "AC 77-01", "place": "東京タワー"}
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dear José Müller,", [("customer", "José Müller")]),
        ("dear jose  \n MULLER, and o'brien", [("customer", "jose  \n MULLER"), ("customer", "o'brien")]),
        ("Jose\u0301 Mu\u0308ller's", [("customer", "Jose\u0301 Mu\u0308ller")]),
        ("JOSÉ\u200b MÜL\u200bLER", [("customer", "JOSÉ\u200b MÜL\u200bLER")]),
        ("id_ac 77-01_x", [("account", "ac 77-01")]),
        ("the AC\t77-01.", [("account", "AC\t77-01")]),
        ("東京タワーの近く", [("place", "東京タワー")]),
        ("see ac%2077-01 there", [("account", "ac%2077-01")]),
        ("O\u2019Brien and O\u02bcBRIEN", [("customer", "O\u2019Brien"), ("customer", "O\u02bcBRIEN")]),
        ("of Lukasz Sorensen, of ŁUKASZ SØRENSEN", [("customer", "Lukasz Sorensen"), ("customer", "ŁUKASZ SØRENSEN")]),
        ("<b>Jos&eacute;&nbsp;M&uuml;ller</b>", [("customer", "Jos&eacute;&nbsp;M&uuml;ller")]),
        ("Müllers José Müllerin", []),
        ("XO'Brien, O'Briens", []),
        ("jose" + " " * 90 + "muller", []),
        ("", []),
    ],
)
def test_values_are_found_as_whole_words(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.kind, text[each.start : each.end]) for each in NONE.find(text, PEOPLE)] == expected


def test_nothing_is_found_longer_than_its_reach() -> None:
    text = "José" + " " * 20 + "Müller"
    (found,) = NONE.find(text, PEOPLE)
    assert found.end - found.start == len(text) <= PEOPLE.reach


@pytest.mark.parametrize("value", ["", " ", "ab", "a b", "--", "12."])
def test_a_short_value_is_refused_without_being_told(value: str) -> None:
    with pytest.raises(ValueError, match="'label' has fewer than 3") as refused:
        Known({"label": ["long enough", value]})
    assert "long enough" not in str(refused.value)


def test_there_is_a_most_of_values() -> None:
    with pytest.raises(ValueError, match="more than"):
        Known({"label": [f"value {each}" for each in range(MOST_VALUES + 1)]})


def test_no_value_shows() -> None:
    assert "Müller" not in repr(PEOPLE)
    assert Known({}).reach == 0


def test_values_that_are_everywhere_are_too_much() -> None:
    with pytest.raises(Exhausted):
        NONE.find("abc " * 50_000, Known({"label": "abc"}))
