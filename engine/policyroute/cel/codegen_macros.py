"""Code for macros: each becomes a function with a loop in it.

Rule of this module: a loop is bounded before it starts. Compiled code cannot be interrupted, so what a loop and the
loops within it go over is counted against a budget.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

from policyroute.cel.codegen_calls import condition
from policyroute.cel.emitting import FACTS, Emitter
from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import NO_OVERLOAD
from policyroute.cel.syntax import Comprehension
from policyroute.cel.types import Kind

MAX_STEPS: Final = 100_000
"""The most elements that an outermost loop may go over, and that all loops within it may: some milliseconds."""

_BUDGET: Final = "b"
_RANGE: Final = "r"
_RESULT: Final = "out"


class BudgetError(EvaluationError):
    """A loop over more than MAX_STEPS elements, or loops within it that come to more; not evaluated any further."""

    def __init__(self) -> None:
        super().__init__("too many steps")


def loop(emit: Emitter, node: Comprehension) -> ast.expr:
    """A call of the loop's function, which is emitted as well."""
    inside = bool(emit.scope)
    params = [FACTS, *emit.scope.values(), *([_BUDGET] if inside else [])]
    values = emit.loose(node.range)
    if node.range.type.kind not in (Kind.LIST, Kind.MAP):
        values = emit.at(node.range, emit.call(_iterable, values))
    before = len(emit.loops)
    with emit.bound(node.variable) as variable:
        start, each, end = _SHAPES[node.kind](emit, node)
    nests = len(emit.loops) > before
    body = [_assign(_RANGE, values), *_charge(emit, inside), *start]
    if nests and not inside:
        body.insert(0, _assign(_BUDGET, ast.List([ast.Constant(MAX_STEPS)], ast.Load())))
    body.append(ast.For(ast.Name(variable, ast.Store()), _load(_RANGE), each, []))
    name = f"loop{len(emit.loops)}"
    emit.loops.append(emit.at(node, function(name, params, [emit.at(node, line) for line in (*body, *end)])))
    return ast.Call(_load(name), [_load(param) for param in params], [])


def function(name: str, params: list[str], body: list[ast.stmt]) -> ast.FunctionDef:
    arguments = ast.arguments([], [ast.arg(param) for param in params], None, [], [], None, [])
    return ast.FunctionDef(name, arguments, body, [], None)


_Lines = list[ast.stmt]
_Shape = Callable[[Emitter, Comprehension], tuple[_Lines, _Lines, _Lines]]


def _all(emit: Emitter, node: Comprehension) -> tuple[_Lines, _Lines, _Lines]:
    fails = emit.at(node.body, ast.UnaryOp(ast.Not(), condition(emit, node.body)))
    return [], [ast.If(fails, [_answer(False)], [])], [_answer(True)]


def _exists(emit: Emitter, node: Comprehension) -> tuple[_Lines, _Lines, _Lines]:
    return [], [ast.If(condition(emit, node.body), [_answer(True)], [])], [_answer(False)]


def _exists_one(emit: Emitter, node: Comprehension) -> tuple[_Lines, _Lines, _Lines]:
    more = ast.AugAssign(ast.Name(_RESULT, ast.Store()), ast.Add(), ast.Constant(1))
    one = ast.Compare(_load(_RESULT), [ast.Eq()], [ast.Constant(1)])
    return [_assign(_RESULT, ast.Constant(0))], [ast.If(condition(emit, node.body), [more], [])], [ast.Return(one)]


def _filter(emit: Emitter, node: Comprehension) -> tuple[_Lines, _Lines, _Lines]:
    keep = _append(_load(emit.scope[node.variable]))
    return _new_list(), [ast.If(condition(emit, node.body), [keep], [])], [ast.Return(_load(_RESULT))]


def _map(emit: Emitter, node: Comprehension) -> tuple[_Lines, _Lines, _Lines]:
    test = condition(emit, node.condition) if node.condition else None
    add: ast.stmt = _append(emit.value(node.body))
    return _new_list(), [ast.If(test, [add], []) if test else add], [ast.Return(_load(_RESULT))]


_SHAPES: Final[Mapping[str, _Shape]] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map,
}


def _charge(emit: Emitter, inside: bool) -> _Lines:
    """Lines that refuse a loop over too much: an outermost one by its size, inner ones by the sum of theirs."""
    size = ast.Call(emit.known(len), [_load(_RANGE)], [])
    refuse = ast.Expr(emit.call(_refuse))
    if not inside:
        return [ast.If(ast.Compare(size, [ast.Gt()], [ast.Constant(MAX_STEPS)]), [refuse], [])]
    spend = ast.AugAssign(_budget(ast.Store()), ast.Sub(), size)
    return [spend, ast.If(ast.Compare(_budget(ast.Load()), [ast.Lt()], [ast.Constant(0)]), [refuse], [])]


def _refuse() -> None:
    raise BudgetError


def _iterable(value: Any) -> Any:
    if value.__class__ in (list, tuple, dict):
        return value
    raise EvaluationError(NO_OVERLOAD)


def _budget(context: ast.expr_context) -> ast.Subscript:
    return ast.Subscript(_load(_BUDGET), ast.Constant(0), context)


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _new_list() -> _Lines:
    return [_assign(_RESULT, ast.List([], ast.Load()))]


def _append(value: ast.expr) -> ast.stmt:
    return ast.Expr(ast.Call(ast.Attribute(_load(_RESULT), "append", ast.Load()), [value], []))


def _answer(value: bool) -> ast.stmt:
    return ast.Return(ast.Constant(value))
