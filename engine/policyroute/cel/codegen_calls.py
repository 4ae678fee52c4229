"""Code for operators, methods and functions.

Rule of this module: plain Python only where the static types make it CEL's; otherwise a call of the implementation that
the interpreter uses too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

from policyroute.cel import arithmetic, operations
from policyroute.cel.emitting import Emitter, UnsupportedError
from policyroute.cel.functions import FUNCTIONS
from policyroute.cel.operations import NUMERIC
from policyroute.cel.signatures import Function
from policyroute.cel.syntax import Call, Literal, Node, children, constant_items
from policyroute.cel.types import Kind

_SAME: Final = frozenset({Kind.BOOL, Kind.STRING, Kind.BYTES, Kind.DURATION, Kind.TIMESTAMP, Kind.CLEARANCE})
_SIZED: Final = frozenset({Kind.STRING, Kind.BYTES, Kind.LIST, Kind.MAP})

_Rule = Callable[[Emitter, Call], ast.expr]


def call(emit: Emitter, node: Call) -> ast.expr:
    return _RULES.get(node.function, function_call)(emit, node)


def condition(emit: Emitter, node: Node) -> ast.expr:
    """The node as a Python bool; raises where it is none."""
    if node.type.kind is Kind.BOOL:
        return emit.value(node)
    return emit.at(node, emit.call(operations.truth, emit.loose(node)))


def element(emit: Emitter, container: Node, key: Node) -> ast.expr:
    """`container[key]`, also written `container.key`."""
    of = container.type
    if of.kind is Kind.MAP and _keyed(container, key):
        held, wanted = emit.loose(container), emit.value(key)
        if of.total:
            getter = emit.at(key, ast.Attribute(held, "get", ast.Load()))
            return ast.Call(getter, [wanted, ast.Constant("")], [])
        return ast.Subscript(held, wanted, ast.Load())
    if of.kind is Kind.LIST and isinstance(key, Literal) and key.type.kind is Kind.INT and key.value >= 0:
        return ast.Subscript(emit.loose(container), emit.value(key), ast.Load())
    return emit.call(operations.index, emit.value(container), emit.value(key))


def membership(emit: Emitter, item: Node, container: Node) -> ast.expr:
    """`item in container`."""
    kinds = item.type.kind, container.type.kind
    constants = constant_items(container)
    if constants is not None and _plain(kinds[0], constants[1]):
        return _in(emit, item, emit.constant_set(constants[0]))
    if kinds[1] is Kind.MAP and _keyed(container, item):
        return ast.Compare(emit.value(item), [ast.In()], [emit.loose(container)])
    inner = container.type.item
    if kinds[1] is Kind.LIST and inner and inner.kind is kinds[0] and kinds[0] in _SAME | {Kind.INT}:
        return _in(emit, item, emit.loose(container))
    return emit.call(operations.contains, emit.value(item), emit.value(container))


def function_call(emit: Emitter, node: Call) -> ast.expr:
    """A call of a function of the table: at once where the static types choose an overload, else strictly."""
    function = FUNCTIONS.get(node.function)
    if function is None:
        raise UnsupportedError(node.function)
    args = children(node)
    if not function.accepts([arg.type.kind for arg in args]):
        if function.literal:
            raise UnsupportedError(node.function)
        return emit.call(function.call, ast.List([emit.value(arg) for arg in args], ast.Load()))
    values = [_argument(emit, function, index, arg) for index, arg in enumerate(args)]
    if node.function in _MATCHERS:
        return ast.Call(values[1], values[:1], [])
    return emit.call(function.run, *values)


_MATCHERS: Final = frozenset({"matches", "glob"})


def _argument(emit: Emitter, function: Function, index: int, arg: Node) -> ast.expr:
    maker = function.literal.get(index)
    if maker is None:
        return emit.value(arg)
    if not isinstance(arg, Literal):
        raise UnsupportedError(function.name)
    return emit.at(arg, emit.known(maker(arg.value) if isinstance(arg.value, str) else arg.value))


def _plain(left: Kind, right: Kind) -> bool:
    """Whether Python compares values of these kinds as CEL does."""
    return (left is right and left in _SAME) or (left in NUMERIC and right in NUMERIC)


def _keyed(container: Node, key: Node) -> bool:
    """Whether Python finds this key in this map exactly where CEL does."""
    held = container.type.key
    return held is not None and held.kind is key.type.kind and held.kind in (Kind.STRING, Kind.INT)


def _in(emit: Emitter, item: Node, container: ast.expr) -> ast.expr:
    return ast.Compare(emit.value(item), [ast.In()], [container])


def _equality(operator: ast.cmpop, negated: bool) -> _Rule:
    def emit_it(emit: Emitter, node: Call) -> ast.expr:
        left, right = node.args
        if _plain(left.type.kind, right.type.kind):
            return ast.Compare(emit.value(left), [operator], [emit.value(right)])
        same = emit.call(operations.equal, emit.loose(left), emit.loose(right))
        return ast.UnaryOp(ast.Not(), emit.at(node, same)) if negated else same

    return emit_it


def _order(operator: ast.cmpop, exact: Callable[[Any, Any], bool]) -> _Rule:
    def emit_it(emit: Emitter, node: Call) -> ast.expr:
        left, right = node.args
        if _plain(left.type.kind, right.type.kind):  # ABSENT has no order: Python raises
            return ast.Compare(emit.loose(left), [operator], [emit.loose(right)])
        return emit.call(exact, emit.loose(left), emit.loose(right))

    return emit_it


def _logic(operator: ast.boolop) -> _Rule:
    def emit_it(emit: Emitter, node: Call) -> ast.expr:
        return ast.BoolOp(operator, [condition(emit, arg) for arg in node.args])

    return emit_it


def _not(emit: Emitter, node: Call) -> ast.expr:
    return ast.UnaryOp(ast.Not(), condition(emit, node.args[0]))


def _choice(emit: Emitter, node: Call) -> ast.expr:
    test, yes, no = node.args
    return ast.IfExp(condition(emit, test), emit.value(yes), emit.value(no))


def _arithmetic(operator: ast.operator, exact: Callable[[Any, Any], Any]) -> _Rule:
    """Doubles by Python, which raises where it differs (a division by zero); ints too, if the result fits 64 bits."""

    def emit_it(emit: Emitter, node: Call) -> ast.expr:
        left, right = node.args
        kinds = {left.type.kind, right.type.kind}
        whole = kinds == {Kind.INT} and not isinstance(operator, ast.Div | ast.Mod)  # Python rounds down, CEL to zero
        if not whole and kinds != {Kind.DOUBLE}:
            return emit.call(exact, emit.value(left), emit.value(right))
        plain = emit.at(node, ast.BinOp(emit.loose(left), operator, emit.loose(right)))
        return emit.call(arithmetic.int64, plain) if whole else plain

    return emit_it


def _minus(emit: Emitter, node: Call) -> ast.expr:
    (operand,) = node.args
    if operand.type.kind not in (Kind.DOUBLE, Kind.INT):
        return emit.call(arithmetic.negate, emit.value(operand))
    plain = emit.at(node, ast.UnaryOp(ast.USub(), emit.loose(operand)))
    return plain if operand.type.kind is Kind.DOUBLE else emit.call(arithmetic.int64, plain)


def _size(emit: Emitter, node: Call) -> ast.expr:
    (operand,) = children(node)
    if operand.type.kind in _SIZED:
        return emit.call(len, emit.loose(operand))
    return emit.call(operations.size, emit.value(operand))


def _text(name: str) -> _Rule:
    """A test of strings that Python has under this name, or writes as `part in text`."""

    def emit_it(emit: Emitter, node: Call) -> ast.expr:
        parts = children(node)
        if len(parts) != 2 or any(part.type.kind is not Kind.STRING for part in parts):
            return function_call(emit, node)
        text, part = (emit.loose(each) for each in parts)
        if not name:
            return ast.Compare(part, [ast.In()], [text])
        return ast.Call(emit.at(node, ast.Attribute(text, name, ast.Load())), [part], [])

    return emit_it


_RULES: Final[Mapping[str, _Rule]] = {
    "_&&_": _logic(ast.And()),
    "_||_": _logic(ast.Or()),
    "!_": _not,
    "-_": _minus,
    "_?_:_": _choice,
    "_==_": _equality(ast.Eq(), negated=False),
    "_!=_": _equality(ast.NotEq(), negated=True),
    "_<_": _order(ast.Lt(), operations.less),
    "_<=_": _order(ast.LtE(), operations.less_equal),
    "_>_": _order(ast.Gt(), operations.greater),
    "_>=_": _order(ast.GtE(), operations.greater_equal),
    "_+_": _arithmetic(ast.Add(), arithmetic.add),
    "_-_": _arithmetic(ast.Sub(), arithmetic.subtract),
    "_*_": _arithmetic(ast.Mult(), arithmetic.multiply),
    "_/_": _arithmetic(ast.Div(), arithmetic.divide),
    "_%_": _arithmetic(ast.Mod(), arithmetic.modulo),
    "@in": lambda emit, node: membership(emit, *node.args),
    "_[_]": lambda emit, node: element(emit, *node.args),
    "size": _size,
    "startsWith": _text("startswith"),
    "endsWith": _text("endswith"),
    "contains": _text(""),
}
