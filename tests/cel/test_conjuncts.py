"""What the index may take for an atom, and when two conditions are the same one."""

from __future__ import annotations

from typing import Any

import pytest

from policyroute.cel import (
    Atom,
    Demand,
    Environment,
    Operator,
    alternatives,
    atom_of,
    canonical,
    compile_expression,
    conjuncts,
    plain,
)
from policyroute.cel.syntax import Node
from policyroute.cel.types import (
    BOOL,
    CLEARANCE,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    Cost,
    Field,
    list_of,
    map_by_name,
    map_of,
    record,
    total_map,
)
from policyroute.cel.values import Duration
from policyroute.clearance import Clearance

ITEM = record("item", {"name": Field(STRING, cost=Cost.TEXT), "value": Field(INT, optional=True)})
TARGET = record(
    "target",
    {
        "quality": Field(DOUBLE, optional=True),
        "clearance": Field(CLEARANCE),
        "wait": Field(DURATION),
        "on": Field(BOOL),
    },
)
ENVIRONMENT = Environment(
    {
        "request": record(
            "request",
            {
                "model": Field(STRING, cost=Cost.BODY),
                "size": Field(INT),
                "ratio": Field(DOUBLE),
                "stream": Field(BOOL),
                "heat": Field(DOUBLE, optional=True),
                "headers": Field(total_map(folded_keys=True), cost=Cost.HEADERS),
                "labels": Field(map_of(STRING, STRING)),
                "params": Field(map_of(STRING, DYN)),
                "words": Field(list_of(STRING)),
                "items": Field(list_of(ITEM), cost=Cost.BODY),
            },
        ),
        "target": TARGET,
        "targets": map_by_name(["gpt"], TARGET),
    },
    flat=frozenset({"request"}),
    constants={"tiers": ["a", "b"], "most": 5},
)


def tree(text: str) -> Node:
    expression, problems = compile_expression(plain(text), ENVIRONMENT, Demand())
    assert expression is not None, problems
    return expression.tree


ATOMS: list[tuple[str, Operator, tuple[Any, ...]]] = [
    ("request.model == 'a'", Operator.IN, ("a",)),
    ("'a' == request.model", Operator.IN, ("a",)),
    ("request.model != 'a'", Operator.NOT_IN, ("a",)),
    ("!(request.model == 'a')", Operator.NOT_IN, ("a",)),
    ("!(request.model != 'a')", Operator.IN, ("a",)),
    ("request.model in ['a', 'b']", Operator.IN, ("a", "b")),
    ("!(request.model in constants.tiers)", Operator.NOT_IN, ("a", "b")),
    ("request.model.startsWith('a')", Operator.PREFIX, ("a",)),
    ("request.size == 5", Operator.IN, (5,)),
    ("request.size > 5", Operator.GREATER, (5,)),
    ("5 > request.size", Operator.LESS, (5,)),
    ("request.size <= constants.most", Operator.LESS_EQUAL, (5,)),
    ("!(request.size >= 5)", Operator.LESS, (5,)),
    ("request.ratio >= 0.5", Operator.GREATER_EQUAL, (0.5,)),
    ("size(request.words) > 1", Operator.GREATER, (1,)),
    ("request.words.size() > 1", Operator.GREATER, (1,)),
    ("request.stream", Operator.IN, (True,)),
    ("!request.stream", Operator.IN, (False,)),
    ("!!request.stream", Operator.IN, (True,)),
    ("request.stream == false", Operator.IN, (False,)),
    ("has(request.heat)", Operator.IN, (True,)),
    ("!has(request.heat)", Operator.IN, (False,)),
    ("request.heat > 0.5", Operator.GREATER, (0.5,)),
    ("request.headers['X-A'] == 'a'", Operator.IN, ("a",)),
    ("'x-a' in request.headers", Operator.IN, (True,)),
    ("'a' in request.params", Operator.IN, (True,)),
    ("'a' in request.words", Operator.IN, ("a",)),
    ("request.words.exists(w, w == 'a')", Operator.IN, ("a",)),
    ("request.items.exists(i, i.name in ['a', 'b'])", Operator.IN, ("a", "b")),
    ("request.items.exists(i, i.name.startsWith('a'))", Operator.PREFIX, ("a",)),
    ("request.items.exists(i, i.value > 3)", Operator.GREATER, (3,)),
    ("target.clearance < 'confidential'", Operator.LESS, (Clearance.CONFIDENTIAL,)),
    ("targets['gpt'].wait > duration('2s')", Operator.GREATER, (Duration.of(2),)),
    ("targets.gpt.on", Operator.IN, (True,)),
]


@pytest.mark.parametrize(("text", "operator", "constants"), ATOMS)
def test_an_indexable_condition_is_an_atom(text: str, operator: Operator, constants: tuple[Any, ...]) -> None:
    atom = atom_of(tree(text))
    assert atom is not None
    assert (atom.operator, atom.constants) == (operator, constants)


@pytest.mark.parametrize(
    "text",
    [
        "request.model == request.params.a",
        "request.params.a == 'a'",
        "request.model.endsWith('a')",
        "request.model.matches('^a')",
        "request.model < 'b'",
        "!request.model.startsWith('a')",
        "!(request.ratio > 0.5)",
        "request.ratio == 0.0 / 0.0",
        "request.size + 1 == 5",
        "request.words == ['a']",
        "request.words[0].startsWith(request.model)",
        "request.items.all(i, i.name == 'a')",
        "!request.items.exists(i, i.name == 'a')",
        "request.items.exists(i, i.name != 'a')",
        "request.items.exists(i, request.model == 'a')",
        "request.items.exists(i, i.name == 'a' && i.value == 1)",
        "request.items.exists(i, request.words.exists(w, w == i.name))",
        "!('a' in request.words)",
        "request.model == 'a' && request.size > 1",
    ],
)
def test_what_an_index_cannot_say_exactly_is_no_atom(text: str) -> None:
    assert atom_of(tree(text)) is None


def dimension_of(text: str) -> Atom:
    atom = atom_of(tree(text))
    assert atom is not None
    return atom


@pytest.mark.parametrize(
    ("text", "fallible", "many", "cost"),
    [
        ("request.size > 1", False, False, Cost.CHEAP),
        ("request.model == 'a'", False, False, Cost.BODY),
        ("request.headers['x'] == 'a'", False, False, Cost.HEADERS),
        ("request.heat > 0.5", True, False, Cost.CHEAP),
        ("has(request.heat)", False, False, Cost.CHEAP),
        ("'a' in request.words", False, True, Cost.CHEAP),
        ("request.items.exists(i, i.name == 'a')", False, True, Cost.TEXT),
        ("request.items.exists(i, i.value == 1)", True, True, Cost.BODY),
        ("request.labels['x'] == 'a'", True, False, Cost.CHEAP),
        ("request.labels.x == 'a'", True, False, Cost.CHEAP),
        ("targets['gpt'].on", False, False, Cost.CHEAP),
        ("targets.gpt.on", False, False, Cost.CHEAP),
        ("targets['gpt'].quality > 0.5", True, False, Cost.CHEAP),
    ],
)
def test_a_dimension_says_what_reading_it_costs_and_risks(text: str, fallible: bool, many: bool, cost: Cost) -> None:
    dimension = dimension_of(text).dimension
    assert (dimension.fallible, dimension.many, dimension.cost) == (fallible, many, cost)


def test_atoms_over_one_thing_share_a_dimension() -> None:
    same = ["request.model == 'a'", "!(request.model in ['b'])", "request.model.startsWith('c')"]
    assert len({dimension_of(text).dimension for text in same}) == 1
    loops = ["request.words.exists(w, w == 'a')", "'b' in request.words", "request.words.exists(x, x in ['c'])"]
    assert len({dimension_of(text).dimension for text in loops}) == 1
    headers = ["request.headers['X-A'] == 'a'", "request.headers['x-a'] == 'b'", "request.headers['x-b'] == 'a'"]
    assert len({dimension_of(text).dimension for text in headers}) == 2


def test_conjuncts_and_alternatives() -> None:
    whole = tree("(request.stream && request.size > 1) && (request.model == 'a' || request.model == 'b') && true")
    parts = conjuncts(whole)
    assert len(parts) == 4
    choice = alternatives(parts[2])
    assert choice is not None
    assert [atom.constants for atom in choice] == [("a",), ("b",)]
    assert alternatives(tree("request.stream || request.model.endsWith('a')")) is None


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("request.size   >  1", "request.size > 1", True),
        ("request.items.exists(a, a.name == 'x')", "request.items.exists(b, b.name == 'x')", True),
        (
            "request.items.exists(a, request.words.exists(b, a.name == b))",
            "request.items.exists(b, request.words.exists(a, b.name == a))",
            True,
        ),
        (
            "request.items.exists(a, request.words.exists(b, a.name == b))",
            "request.items.exists(a, request.words.exists(b, b == a.name))",
            False,
        ),
        ("request.size == 1", "request.size == 2", False),
        ("dyn(request.size) == 1", "dyn(request.size) == 1.0", False),
        ("dyn(request.size) == 1", "dyn(request.size) == true", False),
        ("1.0 / request.ratio == 0.0", "1.0 / request.ratio == -0.0", False),
        ("request.model in ['a', 'b']", "request.model in ['a', 'c']", False),
        ("has(request.heat)", "request.heat == 0.5", False),
        ("request.items.all(a, a.name == 'x')", "request.items.exists(a, a.name == 'x')", False),
    ],
)
def test_the_key_of_a_condition(left: str, right: str, same: bool) -> None:
    assert (canonical(tree(left)) == canonical(tree(right))) is same
    assert hash(canonical(tree(left))) == hash(canonical(tree(left)))
