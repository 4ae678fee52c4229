"""A table says of every row what its atoms say of the value."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.cel import Atom, Dimension, Operator
from policyroute.decide.tables import tables

PATH = Dimension("x")
MEANING: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.LESS: operator.lt,
    Operator.LESS_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_EQUAL: operator.ge,
    Operator.IN: operator.eq,
    Operator.NOT_IN: operator.ne,
}

numbers = st.sampled_from([-1, 0, 0.5, 1, 2, 3.0])
numeric = st.builds(Atom, st.just(PATH), st.sampled_from(list(MEANING)), st.tuples(numbers))


def left(atoms: Mapping[int, list[Atom]], value: Any, rows: int, many: bool = False) -> set[int]:
    bitmap = every = (1 << rows) - 1
    for table in tables(atoms, every, many):
        bitmap &= table(value)
    return {row for row in range(rows) if bitmap >> row & 1}


@given(st.lists(st.lists(numeric, max_size=3), min_size=1, max_size=6), numbers | st.sampled_from([nan, inf, -inf]))
def test_numbers(rows: list[list[Atom]], value: float) -> None:
    atoms = {row: each for row, each in enumerate(rows) if each}
    if not atoms:
        return
    holding = {
        row for row, each in enumerate(rows) if all(MEANING[atom.operator](value, atom.constants[0]) for atom in each)
    }
    assert left(atoms, value, len(rows)) == holding


@given(
    st.lists(st.lists(st.sampled_from(["", "a", "ab", "b"]), max_size=2), min_size=1, max_size=6),
    st.lists(st.sampled_from(["", "a", "abc", "c"]), max_size=3),
)
def test_prefixes_of_one_text_and_of_any_of_many(rows: list[list[str]], texts: list[str]) -> None:
    atoms = {row: [Atom(PATH, Operator.PREFIX, (prefix,)) for prefix in each] for row, each in enumerate(rows) if each}
    if not atoms:
        return
    for text in texts:
        assert left(atoms, text, len(rows)) == {
            row for row, each in enumerate(rows) if all(text.startswith(prefix) for prefix in each)
        }
    assert left(atoms, texts, len(rows), many=True) == {
        row for row, each in enumerate(rows) if all(any(text.startswith(prefix) for text in texts) for prefix in each)
    }


@pytest.mark.parametrize(("items", "rows"), [([], {2}), (["a"], {0, 2}), (["a", "b"], {0, 1, 2})])
def test_of_a_list_each_atom_asks_for_an_item_of_its_own(items: list[str], rows: set[int]) -> None:
    a, b = (Atom(PATH, Operator.IN, (value,)) for value in "ab")
    assert left({0: [a], 1: [a, b]}, items, 3, many=True) == rows
