"""A condition taken apart: the atoms that a rule index can answer without evaluating the condition.

Rule of this module: sound, never clever. A node is an atom only if "the value of this dimension stands in this
relation to these constants" says exactly what the node says; everything else is left to compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from policyroute.cel.canonical import canonical
from policyroute.cel.syntax import Call, Comprehension, Ident, Literal, Node, Select, children, constant_items
from policyroute.cel.types import Cost, Kind, list_of


class Operator(StrEnum):
    """How a dimension's value stands to an atom's constants. All but IN and NOT_IN have one constant."""

    IN = "in"
    NOT_IN = "not in"
    PREFIX = "startsWith"
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something of a request that atoms compare. Equal if `key` and `many` are.

    `node` reads it (`compile_node`). `many`: it reads a list, and an atom holds if it holds for any item. `fallible`:
    the read may raise (an optional field, a key that may be missing); then an atom over it says nothing, and the
    condition itself has to be asked.
    """

    key: Hashable
    many: bool = False
    node: Node = field(compare=False, default_factory=Node)
    cost: Cost = field(compare=False, default=Cost.CHEAP)
    fallible: bool = field(compare=False, default=False)


@dataclass(frozen=True, slots=True)
class Atom:
    """`dimension operator constants`. A double dimension may read NaN, for which only NOT_IN holds."""

    dimension: Dimension
    operator: Operator
    constants: tuple[Any, ...]


def conjuncts(tree: Node) -> tuple[Node, ...]:
    """The parts of the top-level `&&`, or the tree alone."""
    return _parts(tree, "_&&_")


def alternatives(node: Node) -> tuple[Atom, ...] | None:
    """The atoms of which at least one must hold, where the node is one atom or an `||` of nothing but atoms."""
    atoms = tuple(atom_of(part) for part in _parts(node, "_||_"))
    known = tuple(atom for atom in atoms if atom is not None)
    return known if len(known) == len(atoms) else None


def atom_of(node: Node) -> Atom | None:
    """The atom that says exactly what this boolean node says, or None."""
    match node:
        case Call(function="!_", args=(Node() as inner,)):
            return _negated(atom_of(inner))
        case Call(function=function, args=(left, right)) if function in _BINARY and not _asks_for_key(node):
            return _BINARY[function](left, right)
        case Call(function="startsWith", target=Node() as target, args=(Literal(value=str() as prefix),)):
            dimension = _dimension(target) if _is(target, Kind.STRING) else None
            return Atom(dimension, Operator.PREFIX, (prefix,)) if dimension else None
        case Comprehension(kind="exists"):
            return _existence(node)
        case _:
            dimension = _dimension(node) if _is(node, Kind.BOOL) else None
            return Atom(dimension, Operator.IN, (True,)) if dimension else None


_FLIPPED = {
    Operator.LESS: Operator.GREATER,
    Operator.LESS_EQUAL: Operator.GREATER_EQUAL,
    Operator.GREATER: Operator.LESS,
    Operator.GREATER_EQUAL: Operator.LESS_EQUAL,
}
_OPPOSITE = {
    Operator.LESS: Operator.GREATER_EQUAL,
    Operator.LESS_EQUAL: Operator.GREATER,
    Operator.GREATER: Operator.LESS_EQUAL,
    Operator.GREATER_EQUAL: Operator.LESS,
    Operator.IN: Operator.NOT_IN,
    Operator.NOT_IN: Operator.IN,
}
_NUMBERS = frozenset({Kind.INT, Kind.DOUBLE})
_ORDERED = frozenset({Kind.CLEARANCE, Kind.DURATION, Kind.TIMESTAMP})
_HASHED = frozenset({Kind.BOOL, Kind.STRING}) | _ORDERED


def _parts(node: Node, operator: str) -> tuple[Node, ...]:
    if isinstance(node, Call) and node.function == operator:
        return tuple(part for arg in node.args for part in _parts(arg, operator))
    return (node,)


def _is(node: Node, kind: Kind) -> bool:
    return node.type.kind is kind


def _comparable(left: Kind, right: Kind) -> bool:
    """Whether Python's `==` and hash on values of these kinds are CEL's."""
    return (left is right and left in _HASHED) or (left in _NUMBERS and right in _NUMBERS)


def _constant(node: Node) -> bool:
    return isinstance(node, Literal) and node.value == node.value  # not NaN


def _negated(atom: Atom | None) -> Atom | None:
    """`!atom`. Not for an any-of (that is an all-of), a prefix, or a range over doubles (NaN is in neither half)."""
    if atom is None:
        return None
    dimension, operator = atom.dimension, atom.operator
    if dimension.many or operator not in _OPPOSITE:
        return None
    if operator is Operator.IN and dimension.node.type.kind is Kind.BOOL and len(atom.constants) == 1:
        return replace(atom, constants=(not atom.constants[0],))
    if operator not in (Operator.IN, Operator.NOT_IN) and dimension.node.type.kind is Kind.DOUBLE:
        return None
    return replace(atom, operator=_OPPOSITE[operator])


def _asks_for_key(node: Call) -> bool:
    """`"x" in map`: not a relation to a value, but something of the request that is so or not."""
    return node.function == "@in" and _is(node.args[1], Kind.MAP)


def _equality(left: Node, right: Node) -> Atom | None:
    return _membership(left, right) or _membership(right, left)


def _membership(path: Node, constant: Node) -> Atom | None:
    if not isinstance(constant, Literal) or not _constant(constant):
        return None
    dimension = _dimension(path) if _comparable(path.type.kind, constant.type.kind) else None
    return Atom(dimension, Operator.IN, (constant.value,)) if dimension else None


def _inclusion(left: Node, right: Node) -> Atom | None:
    """`path in [constants]`, `"constant" in list`."""
    constants = constant_items(right)
    if constants is not None:
        values, kind = constants
        dimension = _dimension(left) if _comparable(left.type.kind, kind) else None
        return Atom(dimension, Operator.IN, values) if dimension else None
    item = right.type.item
    if isinstance(left, Literal) and _is(right, Kind.LIST) and item and _comparable(item.kind, left.type.kind):
        dimension = _dimension(right)
        return Atom(replace(dimension, many=True), Operator.IN, (left.value,)) if dimension else None
    return None


def _order(operator: Operator) -> Callable[[Node, Node], Atom | None]:
    def atom(left: Node, right: Node) -> Atom | None:
        return _range(left, operator, right) or _range(right, _FLIPPED[operator], left)

    return atom


def _range(path: Node, operator: Operator, constant: Node) -> Atom | None:
    if not isinstance(constant, Literal) or not _constant(constant):
        return None
    kinds = path.type.kind, constant.type.kind
    ordered = _NUMBERS.issuperset(kinds) or (kinds[0] is kinds[1] and kinds[0] in _ORDERED)
    dimension = _dimension(path) if ordered else None
    return Atom(dimension, operator, (constant.value,)) if dimension else None


_BINARY: Mapping[str, Callable[[Node, Node], Atom | None]] = {
    "_==_": _equality,
    "_!=_": lambda left, right: _negated(_equality(left, right)),
    "@in": _inclusion,
    "_<_": _order(Operator.LESS),
    "_<=_": _order(Operator.LESS_EQUAL),
    "_>_": _order(Operator.GREATER),
    "_>=_": _order(Operator.GREATER_EQUAL),
}


def _existence(node: Comprehension) -> Atom | None:
    """`list.exists(x, x.f == constant)`, `... in constants`, a prefix or a range."""
    source = _dimension(node.range)
    inner = atom_of(node.body)
    if not source or not _is(node.range, Kind.LIST) or not inner or inner.dimension.many:
        return None
    if inner.operator is Operator.NOT_IN or not _rests_on(inner.dimension.node, node.variable):
        return None
    read = inner.dimension.node
    values = (
        node.range
        if isinstance(read, Ident)
        else Comprehension(
            kind="map",
            range=node.range,
            variable=node.variable,
            body=read,
            start=node.start,
            end=node.end,
            type=list_of(read.type),
        )
    )
    whole = Dimension(
        canonical(values),
        many=True,
        node=values,
        cost=max(source.cost, inner.dimension.cost),
        fallible=source.fallible or inner.dimension.fallible,
    )
    return replace(inner, dimension=whole)


def _rests_on(node: Node, variable: str) -> bool:
    """Whether a path starts at this macro variable."""
    if isinstance(node, Ident):
        return node.name == variable
    parts = children(node)
    return bool(parts) and _rests_on(parts[0], variable)


def _dimension(node: Node) -> Dimension | None:
    """A path (`request.model`, `client.tags["region"]`), its size, or whether it is there."""
    match node:
        case Select(test=True, operand=operand) if (path := _path(operand)) is not None:
            return Dimension(canonical(node), node=node, cost=_dearest(path[0], node), fallible=path[1])
        case Call(function="size", args=(of,), target=None) | Call(function="size", args=(), target=Node() as of):
            pass
        case Call(function="@in", args=(Literal(value=str()), of)) if _is(of, Kind.MAP):
            pass
        case _:
            of = node
    found = _path(of)
    if found is None or node.type.kind is Kind.DYN:
        return None
    return Dimension(canonical(node), node=node, cost=found[0], fallible=found[1])


def _dearest(cost: Cost, node: Select) -> Cost:
    declared = node.operand.type.fields.get(node.field)
    return max(cost, declared.cost) if declared else cost


def _has_every_key(node: Node) -> bool:
    """Whether this map has any key that a checked tree may ask it for."""
    return node.type.total or node.type.closed


def _path(node: Node) -> tuple[Cost, bool] | None:
    """What reading a path costs and whether it may raise; None for what is not a path."""
    match node:
        case Ident():
            return Cost.CHEAP, False
        case Select(operand=operand, field=name, test=False):
            inner = _path(operand)
            declared = operand.type.fields.get(name)
            if inner is None:
                return None
            sure = _has_every_key(operand) or (declared is not None and not declared.optional)
            return _dearest(inner[0], node), inner[1] or not sure
        case Call(function="_[_]", args=(operand, Literal(value=str() | int()))):
            inner = _path(operand)
            return None if inner is None else (inner[0], inner[1] or not _has_every_key(operand))
        case _:
            return None
