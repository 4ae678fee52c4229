"""Keys for trees: two conditions that mean the same by their form share one.

Rule of this module: a key forgets positions and the names of macro variables, nothing else.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeGuard

from policyroute.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select, children


def canonical(node: Node) -> Hashable:
    """A key that is equal for trees that mean the same up to positions and the names of macro variables."""
    return _key(node, {})


def _key(node: Node, bound: dict[str, int]) -> Hashable:
    match node:
        case Literal(value=value):
            return ("literal", _value_key(value))
        case Ident(name=name):
            return ("bound", bound[name]) if name in bound else ("root", name)
        case Select(operand=operand, field=name, test=test):
            return ("has" if test else "select", _key(operand, bound), name)
        case Call(function=function):
            has_target = node.target is not None
            return ("call", function, has_target, *(_key(part, bound) for part in children(node)))
        case ListNode() | MapNode():
            return (type(node).__name__, *(_key(part, bound) for part in children(node)))
        case Comprehension(kind=kind, range=range_, variable=variable, body=body, condition=condition):
            inner = {**bound, variable: len(bound)}
            middle = _key(condition, inner) if condition else None
            return ("macro", kind, _key(range_, bound), middle, _key(body, inner))
        case _:
            raise TypeError(f"not a node of the tree: {type(node).__name__}")


def _value_key(value: Any) -> Hashable:
    """A constant's key: 1, 1.0 and true are different constants, and -0.0 is not 0.0."""
    if _is_list(value):
        return ("list", *(_value_key(item) for item in value))
    if _is_map(value):
        return ("map", *((_value_key(key), _value_key(item)) for key, item in value.items()))
    if isinstance(value, float):
        return ("float", repr(value))
    return (type(value).__name__, value)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _is_map(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)
