"""Numbers of different types beside each other, made so that Python compares them as CEL does.

CEL compares an integer with a double as if it were the nearest double; Python compares exactly. The two differ only
from 2^53 on. Rule of this module: after it, what is still of mixed types compares the same either way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from policyroute.cel.syntax import Call, Literal, Node
from policyroute.cel.types import DOUBLE, Kind, list_of

_WHOLE: Final = (Kind.INT, Kind.UINT)
_EXACT: Final = 2**53


def alike(node: Node, beside: Node) -> Node:
    """An operand of a comparison, by what it is compared with."""
    if node.type.kind not in _WHOLE or beside.type.kind is not Kind.DOUBLE:
        return node
    if isinstance(node, Literal):
        return replace(node, value=float(node.value), type=DOUBLE)
    return node if isinstance(beside, Literal) and _small(beside.value) else _double(node)


def alike_in(item: Node, container: Node) -> tuple[Node, Node]:
    """`item in container`, where the container is a constant list."""
    of = container.type.item
    if of is None or not isinstance(container, Literal):
        return item, container
    values: tuple[Any, ...] = container.value
    if item.type.kind is Kind.DOUBLE and of.kind in _WHOLE:
        return item, replace(container, value=tuple(float(value) for value in values), type=list_of(DOUBLE))
    if item.type.kind in _WHOLE and of.kind is Kind.DOUBLE and not all(map(_small, values)):
        return _double(item), container
    return item, container


def _small(value: float) -> bool:
    return abs(value) < _EXACT


def _double(node: Node) -> Node:
    return Call("double", (node,), start=node.start, end=node.end, type=DOUBLE)
