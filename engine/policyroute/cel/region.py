"""What a condition leaves possible, dimension by dimension: enough to prove that two rules overlap or that one is dead.

Rule of this module: sound, incomplete. "Empty" and "implies" are said only when certain; `False` means unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from operator import ge, gt, le, lt
from typing import Any, Final

from policyroute.cel.canonical import canonical
from policyroute.cel.conjuncts import Atom, Operator
from policyroute.cel.parts import Part
from policyroute.cel.syntax import Literal

_ORDER: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.LESS: lt,
    Operator.LESS_EQUAL: le,
    Operator.GREATER: gt,
    Operator.GREATER_EQUAL: ge,
}
_UPPER = (Operator.LESS, Operator.LESS_EQUAL)
_LOWER = (Operator.GREATER, Operator.GREATER_EQUAL)


def holds(value: Any, atom: Atom) -> bool:
    """Whether a value of the atom's dimension satisfies it."""
    match atom.operator:
        case Operator.IN:
            return value in atom.constants
        case Operator.NOT_IN:
            return value not in atom.constants
        case Operator.PREFIX:
            return str(value).startswith(atom.constants[0])
        case _:
            return bool(_ORDER[atom.operator](value, atom.constants[0]))


@dataclass(frozen=True, slots=True)
class Region:
    """The values of one dimension that satisfy every atom.

    `values` are the only ones left, where an `==` or `in` bounds them; None where it does not.
    """

    atoms: tuple[Atom, ...]
    values: tuple[Any, ...] | None = field(init=False)

    def __post_init__(self) -> None:
        listed = next((atom.constants for atom in self.atoms if atom.operator is Operator.IN), None)
        left = None if listed is None else tuple(v for v in listed if all(holds(v, atom) for atom in self.atoms))
        object.__setattr__(self, "values", left)

    def is_empty(self) -> bool:
        left = self.values
        if left is not None:
            return not left
        return any(exclude(one, other) for one, other in combinations(self.atoms, 2))

    def within(self, atom: Atom) -> bool:
        """Whether every value left satisfies `atom`."""
        left = self.values
        if left is not None:
            return all(holds(value, atom) for value in left)
        return any(implies(mine, atom) for mine in self.atoms) or (
            atom.operator is Operator.NOT_IN
            and all(any(not holds(value, mine) for mine in self.atoms) for value in atom.constants)
        )


def exclude(one: Atom, other: Atom) -> bool:
    """Whether no value can satisfy both. They are over the same dimension."""
    if one.operator is Operator.IN:
        return not any(holds(value, other) for value in one.constants)
    if other.operator is Operator.IN:
        return exclude(other, one)
    if one.operator is other.operator is Operator.PREFIX:
        mine, theirs = one.constants[0], other.constants[0]
        return not (mine.startswith(theirs) or theirs.startswith(mine))
    return _apart(one, other) or _apart(other, one)


def _apart(low: Atom, high: Atom) -> bool:
    """Whether these are a lower and an upper bound with nothing between them."""
    if low.operator not in _LOWER or high.operator not in _UPPER:
        return False
    floor, ceiling = low.constants[0], high.constants[0]
    both_closed = low.operator is Operator.GREATER_EQUAL and high.operator is Operator.LESS_EQUAL
    return bool(floor > ceiling) if both_closed else bool(floor >= ceiling)


def implies(mine: Atom, other: Atom) -> bool:
    """Whether `mine` holding for a value means `other` does. Both are over the same dimension."""
    if mine.operator is Operator.IN:
        return all(holds(value, other) for value in mine.constants)
    if mine.operator is Operator.NOT_IN:
        return other.operator is Operator.NOT_IN and set(other.constants) <= set(mine.constants)
    if mine.operator is Operator.PREFIX:
        prefix = mine.constants[0]
        if other.operator is Operator.NOT_IN:
            return not any(str(value).startswith(prefix) for value in other.constants)
        return other.operator is Operator.PREFIX and prefix.startswith(other.constants[0])
    return _bound_implies(mine, other)


def _bound_implies(mine: Atom, other: Atom) -> bool:
    bound = mine.constants[0]
    if other.operator is Operator.NOT_IN:
        return not any(holds(value, mine) for value in other.constants)
    for side, strict in ((_UPPER, Operator.LESS), (_LOWER, Operator.GREATER)):
        if mine.operator in side and other.operator in side:
            if bound == other.constants[0]:
                return mine.operator is strict or other.operator is not strict
            return holds(bound, other)
    return False


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule's `when`, as what it demands of each dimension; what cannot be read so is `opaque` (by canonical key).

    `demands`: what has to hold, alternatives left out: each is the keys of a dimension's only values, or one key. A
    condition only implies one if, of each of these, one is among its `offers`. `never`: nothing satisfies it.
    """

    regions: Mapping[Hashable, Region]
    existences: tuple[Atom, ...]
    groups: tuple[tuple[Atom, ...], ...]
    opaque: frozenset[Hashable]
    is_false: bool
    never: bool = field(init=False)
    demands: tuple[tuple[Hashable, ...], ...] = field(init=False)
    offers: frozenset[Hashable] = field(init=False)

    def __post_init__(self) -> None:
        never = self.is_false or any(region.is_empty() for region in self.regions.values())
        object.__setattr__(self, "never", never)
        object.__setattr__(self, "demands", self._demands())
        object.__setattr__(self, "offers", self._offers())

    def _demands(self) -> tuple[tuple[Hashable, ...], ...]:
        singles = [
            tuple(("value", key, value) for value in region.values or ()) or (("region", key),)
            for key, region in self.regions.items()
        ]
        many = [(("exists", atom.dimension.key),) for atom in self.existences]
        return (*singles, *many, *((("opaque", key),) for key in self.opaque))

    def _offers(self) -> frozenset[Hashable]:
        """Of a dimension's only values any one will do."""
        regions = (("region", key) for key in self.regions)
        values = (("value", key, region.values[0]) for key, region in self.regions.items() if region.values)
        many = (("exists", atom.dimension.key) for atom in self.existences)
        return frozenset([*regions, *values, *many, *(("opaque", key) for key in self.opaque)])

    def implies(self, other: Condition) -> bool:
        """Whether every request this condition holds for satisfies `other` too."""
        return (
            not other.is_false
            and other.opaque <= self.opaque
            and all(self._implies_atom(atom) for region in other.regions.values() for atom in region.atoms)
            and all(self._implies_atom(atom) for atom in other.existences)
            and all(self._implies_group(group) for group in other.groups)
        )

    def _implies_atom(self, atom: Atom) -> bool:
        key = atom.dimension.key
        if atom.dimension.many:
            return any(mine.dimension.key == key and implies(mine, atom) for mine in self.existences)
        return key in self.regions and self.regions[key].within(atom)

    def _implies_group(self, group: tuple[Atom, ...]) -> bool:
        if any(self._implies_atom(atom) for atom in group):
            return True
        return any(
            all(any(mine.dimension == atom.dimension and implies(mine, atom) for atom in group) for mine in own)
            for own in self.groups
        )


def condition(parts: Iterable[Part]) -> Condition:
    """Reads the conjuncts of a `when`; none demand nothing."""
    regions: dict[Hashable, tuple[Atom, ...]] = {}
    existences: list[Atom] = []
    groups: list[tuple[Atom, ...]] = []
    opaque: set[Hashable] = set()
    is_false = False
    for part in parts:
        match part.atoms:
            case _ if isinstance(part.node, Literal):
                is_false = is_false or part.node.value is False
            case ():
                opaque.add(canonical(part.node))
            case (atom,) if atom.dimension.many:
                existences.append(atom)
            case (atom,):
                regions[atom.dimension.key] = (*regions.get(atom.dimension.key, ()), atom)
            case atoms:
                groups.append(atoms)
    limited = {key: Region(atoms) for key, atoms in regions.items()}
    return Condition(limited, tuple(existences), tuple(groups), frozenset(opaque), is_false)


ALWAYS: Final = condition(())
"""What a rule without a `when` demands."""
