"""Conditions as rows: each a conjunction of atoms, and what is left of the condition beside them.

Rule of this module: a rule matches where one of its rows does. An `||` of atoms makes a row for each of them; what
cannot be an atom is left to compiled code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from policyroute.cel.conjuncts import Atom, Operator
from policyroute.cel.parts import Part
from policyroute.cel.syntax import Node

MAX_ROWS: Final = 16
"""How many rows one rule may have. Beyond them an `||` is left to compiled code."""


@dataclass(frozen=True, slots=True)
class Row:
    """`rule` is the rule's position. All `atoms` and all `residual` nodes must hold."""

    rule: int
    atoms: tuple[Atom, ...]
    residual: tuple[Node, ...]


def rows_of(rule: int, parts: Sequence[Part]) -> list[Row]:
    choices: list[Sequence[Atom]] = []
    residual: list[Node] = []
    count = 1
    for part in parts:
        merged = _merged(part.atoms)
        if merged and count * len(merged) <= MAX_ROWS:
            count *= len(merged)
            choices.append(merged)
        else:
            residual.append(part.node)
    return [Row(rule, atoms, tuple(residual)) for atoms in product(*choices)]


def _merged(atoms: Sequence[Atom]) -> Sequence[Atom]:
    """Alternatives over one dimension's values are one atom: `a == 1 || a == 2` is `a in [1, 2]`."""
    merged: list[Atom] = []
    for atom in atoms:
        same = next((n for n, known in enumerate(merged) if _joins(known, atom)), None)
        if same is None:
            merged.append(atom)
        else:
            merged[same] = Atom(atom.dimension, Operator.IN, merged[same].constants + atom.constants)
    return merged


def _joins(one: Atom, other: Atom) -> bool:
    return one.operator is other.operator is Operator.IN and one.dimension == other.dimension
