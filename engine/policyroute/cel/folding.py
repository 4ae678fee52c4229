"""What can be known when a policy is loaded: the types of constants, and the values of calls of constants alone.

Rule of this module: folding never changes what an expression means. A call that errs is left as it is, to err where CEL
says that it does.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import kind
from policyroute.cel.signatures import Function
from policyroute.cel.syntax import Call, ListNode, Literal, Node, children
from policyroute.cel.types import Kind, Type, common, list_of, map_of

_MAX_FOLDED: Final = 4096


def type_of(value: Any) -> Type:
    """The static type of a constant."""
    found = kind(value)
    if found is Kind.LIST:
        return list_of(common(type_of(item) for item in value))
    if found is Kind.MAP:
        return map_of(common(map(type_of, value)), common(map(type_of, value.values())))
    return Type(found)


def constant(value: Any, node: Node) -> Literal:
    """A literal that stands where the node stands. Lists become tuples, so that trees stay immutable."""
    held = frozen(value)
    return Literal(held, start=node.start, end=node.end, type=type_of(held))


def frozen(value: Any) -> Any:
    found = kind(value)
    if found is Kind.LIST:
        return tuple(frozen(item) for item in value)
    return {key: frozen(item) for key, item in value.items()} if found is Kind.MAP else value


def fold_list(node: ListNode) -> Node:
    """A list of literals is a literal."""
    if not all(isinstance(item, Literal) for item in node.items):
        return node
    values = tuple(item.value for item in node.items if isinstance(item, Literal))
    return Literal(values, start=node.start, end=node.end, type=node.type)


def fold_call(node: Call, function: Function) -> Node:
    """The value of a call of literals, or the call."""
    parts = children(node)
    if not function.folds or not all(isinstance(part, Literal) for part in parts):
        return node
    try:
        value = function.call([part.value for part in parts if isinstance(part, Literal)])
    except (EvaluationError, ValueError):
        return node
    if _size(value) > _MAX_FOLDED:
        return node
    return constant(value, node)


def _size(value: Any) -> int:
    return len(value) if kind(value) in (Kind.STRING, Kind.BYTES, Kind.LIST) else 1
