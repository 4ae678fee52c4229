"""The tree of a CEL expression, as values.

Made by `cel.parse`, annotated by `cel.check` (which returns a new, typed tree), read by `cel.codegen`, `cel.interpret`,
the rule index and the reachability check. Rule of this module: nodes are frozen and know nothing of YAML or Python;
`start` and `end` are character offsets into the expression's own text.

Operators are calls, named as in the CEL specification: `_&&_ _||_ !_ -_ _+_ _-_ _*_ _/_ _%_ _==_ _!=_ _<_ _<=_ _>_ _>=_
@in _[_] _?_:_`. `_&&_` and `_||_` are n-ary (chains are flattened). Macros are `Comprehension` nodes; `has()` is a
`Select` with `test` set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from policyroute.cel.types import DYN, Kind, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    start: int = 0
    end: int = 0
    type: Type = DYN


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant: bool, int, `UInt`, float, str, bytes, None.

    After folding also `Clearance`, `Duration`, `Timestamp`, `Cidr`, `TypeValue`, tuples (lists) and maps.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class Ident(Node):
    """A root (`request`), a macro's variable, or a bound name. Never dotted: that is a `Select`."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """`operand.field`, or `has(operand.field)` when `test`."""

    operand: Node
    field: str
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`function(args)`; a method call has its receiver as `target`. Operators have no target."""

    function: str
    args: tuple[Node, ...]
    target: Node | None = None


@dataclass(frozen=True, slots=True)
class ListNode(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapNode(Node):
    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Comprehension(Node):
    """A macro over a list, or over a map's keys.

    `kind` is `all`, `exists`, `exists_one`, `map` or `filter`. `body` is the predicate (or the mapped value for `map`);
    `condition` is the middle argument of the three-argument `map`.
    """

    kind: str
    range: Node
    variable: str
    body: Node
    condition: Node | None = None


def constant_items(node: Node) -> tuple[tuple[Any, ...], Kind] | None:
    """The elements of a constant list and the kind of all of them. Not where one is NaN, which is in no list."""
    if not isinstance(node, Literal) or node.type.kind is not Kind.LIST or node.type.item is None:
        return None
    items: tuple[Any, ...] = node.value
    return (items, node.type.item.kind) if all(item == item for item in items) else None  # noqa: PLR0124


def children(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911
    """The node's parts, in evaluation order."""
    match node:
        case Select(operand=operand):
            return (operand,)
        case Call(args=args, target=None):
            return args
        case Call(args=args, target=Node() as target):
            return (target, *args)
        case ListNode(items=items):
            return items
        case MapNode(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case Comprehension(range=range_, condition=None, body=body):
            return (range_, body)
        case Comprehension(range=range_, condition=Node() as condition, body=body):
            return (range_, condition, body)
        case _:
            return ()
