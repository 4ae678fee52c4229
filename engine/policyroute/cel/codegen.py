"""From a checked CEL tree to a Python function of the facts object.

Rule of this module: what it makes is right whenever it does not raise. Static types decide what plain Python may stand
for; where Python and CEL might differ, the operator's own implementation is called, and a field that may be absent is
asked whether it is. Nodes of Python's syntax tree are made, never source text, and each stands where its CEL stands in
the YAML file, so that a traceback names file, line and column.

What it relies on of the facts: a field holds a value of its declared type exactly (a double is a `float`, a bool is no
int); ABSENT stands only in optional fields; maps hold values, total maps strings, and lower-cased maps lower-case keys.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.cel import operations
from policyroute.cel.codegen_calls import call, condition, element, membership
from policyroute.cel.codegen_macros import function, loop
from policyroute.cel.emitting import FACTS, Emitter, Position, UnsupportedError, may_be_absent
from policyroute.cel.expression import Environment, EvaluationError, Facts
from policyroute.cel.syntax import (
    Call,
    Comprehension,
    Ident,
    ListNode,
    Literal,
    MapNode,
    Node,
    Select,
    children,
)
from policyroute.cel.types import STRING, Kind

_NAME: Final = "condition"


@dataclass(frozen=True, slots=True)
class Template:
    """Code whose first line is line 1, to be set down anywhere in a file.

    `code` is the function's, `loops` are those it calls, `names` the globals of all.
    """

    code: CodeType
    loops: Mapping[str, CodeType]
    names: Mapping[str, Any]

    def at(self, file: str, line: int) -> Callable[[Facts], Any]:
        """The function, standing at this line of this file."""
        scope = dict(self.names)
        for name, code in self.loops.items():
            scope[name] = FunctionType(_moved(code, file, line), scope)
        return FunctionType(_moved(self.code, file, line), scope)


def offsets(tree: Node) -> tuple[int, ...]:
    """Where the tree's nodes begin and end: the offsets that `template` has to be given places for."""
    found: set[int] = set()
    rest = [tree]
    while rest:
        node = rest.pop()
        found.update((node.start, node.end))
        rest.extend(children(node))
    return tuple(sorted(found))


def template(
    tree: Node, environment: Environment, places: Mapping[int, tuple[int, int]], truth: bool = False
) -> Template:
    """Code for a checked tree. Raises UnsupportedError.

    `places` gives line and column (from 1) of its offsets; with `truth`, a result that is no bool is an error.
    """

    def position(node: Node) -> Position:
        line, column = places[node.start]
        end = max(places[node.end], (line, column))
        return line, column - 1, end[0], end[1] - 1

    emit = Emitter(lambda emit, node: _dispatch(emit, node, environment), position)
    result = condition(emit, tree) if truth else emit.value(tree)
    answer = emit.at(tree, ast.Return(result))
    module = ast.Module([*emit.loops, emit.at(tree, function(_NAME, [FACTS], [answer]))], [])
    whole = compile(module, "<cel>", "exec", dont_inherit=True)
    codes = {code.co_name: code for code in whole.co_consts if isinstance(code, CodeType)}
    return Template(codes.pop(_NAME), codes, emit.names)


def _moved(code: CodeType, file: str, line: int) -> CodeType:
    return code.replace(co_filename=file, co_firstlineno=code.co_firstlineno + line - 1)


def _dispatch(emit: Emitter, node: Node, environment: Environment) -> ast.expr:
    match node:
        case Ident(name=name):
            return _ident(emit, name, environment)
        case Select():
            return _select(emit, node, environment)
        case Call():
            return call(emit, node)
        case Comprehension():
            return loop(emit, node)
        case _:
            return _constant(emit, node)


def _constant(emit: Emitter, node: Node) -> ast.expr:
    match node:
        case Literal(value=value):
            return emit.constant(value)
        case ListNode(items=items):
            return ast.List([emit.value(item) for item in items], ast.Load())
        case MapNode(entries=entries):
            pairs: list[ast.expr] = [
                ast.Tuple([emit.value(key), emit.value(value)], ast.Load()) for key, value in entries
            ]
            return emit.call(operations.new_map, ast.List(pairs, ast.Load()))
        case _:
            raise UnsupportedError(type(node).__name__)


def _ident(emit: Emitter, name: str, environment: Environment) -> ast.expr:
    if name in emit.scope:
        return ast.Name(emit.scope[name], ast.Load())
    if name not in environment.roots or name in environment.flat:
        raise UnsupportedError(name)
    return ast.Attribute(ast.Name(FACTS, ast.Load()), name, ast.Load())


def _select(emit: Emitter, node: Select, environment: Environment) -> ast.expr:
    """A declared field of a record is an attribute; a map is asked for a key."""
    operand, name = node.operand, node.field
    if operand.type.kind is not Kind.RECORD:
        return _key(emit, node)
    if name not in operand.type.fields:
        raise UnsupportedError(name)
    if isinstance(operand, Ident) and operand.name in environment.flat and operand.name not in emit.scope:
        read: ast.expr = ast.Attribute(ast.Name(FACTS, ast.Load()), f"{operand.name}_{name}", ast.Load())
    else:
        read = ast.Attribute(emit.loose(operand) if node.test else emit.value(operand), name, ast.Load())
    if not node.test:
        return read
    there = ast.Compare(emit.at(node, read), [ast.IsNot()], [emit.known(ABSENT)])
    if not may_be_absent(operand):
        return there
    owner = ast.Compare(emit.loose(operand), [ast.IsNot()], [emit.known(ABSENT)])
    return ast.BoolOp(ast.And(), [owner, there])


def _key(emit: Emitter, node: Select) -> ast.expr:
    key = Literal(value=node.field, start=node.start, end=node.end, type=STRING)
    if node.operand.type.kind is Kind.MAP:
        if node.test:
            return membership(emit, key, node.operand)
        return element(emit, node.operand, key)
    test = _has_key if node.test else _value_of
    return emit.call(test, emit.value(node.operand), emit.constant(node.field))


def _has_key(value: Any, key: str) -> bool:
    if value.__class__ is dict:
        return key in value
    raise EvaluationError(operations.NO_OVERLOAD)


def _value_of(value: Any, key: str) -> Any:
    if value.__class__ is dict:
        return value[key]
    raise EvaluationError(operations.NO_OVERLOAD)
