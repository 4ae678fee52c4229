"""A condition's conjuncts with their atoms: found once, when it is compiled, for all who ask.

Rule of this module: it says what `conjuncts` says, and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

from policyroute.cel.conjuncts import Atom, alternatives, conjuncts
from policyroute.cel.syntax import Node


@dataclass(frozen=True, slots=True)
class Part:
    """One conjunct of a condition: the atoms of which at least one must hold; none, if it is left to compiled code."""

    node: Node
    atoms: tuple[Atom, ...]


def taken_apart(tree: Node) -> tuple[Part, ...]:
    """Every conjunct of the tree."""
    return tuple(Part(node, alternatives(node) or ()) for node in conjuncts(tree))
