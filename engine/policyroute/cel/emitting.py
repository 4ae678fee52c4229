"""The hands of the code generator: nodes of Python's syntax tree at their places, and the names that they use.

Rule of this module: it knows Python's syntax tree and where things stand, and nothing of CEL's operators.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from policyroute.absent import ABSENT
from policyroute.cel.operations import present
from policyroute.cel.syntax import Node, Select
from policyroute.cel.types import Kind

FACTS: Final = "c"

Position = tuple[int, int, int, int]
"""Line (from 1) and column (from 0) of the start, then of the end, as in Python's syntax tree."""

_INLINE: Final = frozenset({bool, int, float, str, bytes, type(None)})
_PLACE: Final = ("lineno", "col_offset", "end_lineno", "end_col_offset")
_Made = TypeVar("_Made", bound=ast.AST)


class UnsupportedError(Exception):
    """A node that no fast code is emitted for: the whole expression is left to the exact interpreter."""


class Emitter:
    """Turns nodes into Python expressions, and collects the loops and the objects that they call by name.

    `names` are the globals of the emitted functions, `loops` the functions that macros became, `scope` the Python names
    of the macro variables in sight.
    """

    def __init__(self, dispatch: Callable[[Emitter, Node], ast.expr], position: Callable[[Node], Position]) -> None:
        self._dispatch = dispatch
        self._position = position
        self._known: dict[int, str] = {}
        self._bound = 0
        self.names: dict[str, Any] = {"__builtins__": {}}
        self.loops: list[ast.FunctionDef] = []
        self.scope: dict[str, str] = {}

    def value(self, node: Node) -> ast.expr:
        """The node's value; raises where it is an optional field that is absent."""
        expression = self.loose(node)
        if not may_be_absent(node):
            return expression
        if not _cheap(expression):
            return self.at(node, self.call(present, expression))
        there = ast.Compare(expression, [ast.IsNot()], [self.known(ABSENT)])
        return self.at(node, ast.IfExp(there, expression, self.call(present, expression)))

    def loose(self, node: Node) -> ast.expr:
        """The node's value, which may be ABSENT: for operations that raise on it by themselves."""
        return self.at(node, self._dispatch(self, node))

    def at(self, node: Node, made: _Made) -> _Made:
        """The same Python node, standing with its new parts where the CEL node stands."""
        if not hasattr(made, "lineno"):
            _locate(made, self._position(node))
        return made

    def known(self, thing: Any) -> ast.expr:
        """An object, by a global name of its own."""
        name = self._known.get(id(thing))
        if name is None:
            name = self._known[id(thing)] = f"k{len(self._known)}"
            self.names[name] = thing
        return ast.Name(name, ast.Load())

    def constant(self, value: Any) -> ast.expr:
        """A constant: in the code itself where Python allows that."""
        return ast.Constant(value) if value.__class__ in _INLINE else self.known(value)

    def constant_set(self, values: tuple[Any, ...]) -> ast.expr:
        inline = all(value.__class__ in _INLINE for value in values)
        members: Any = frozenset(values)
        return ast.Constant(members) if inline else self.known(members)

    def call(self, function: Callable[..., Any], *args: ast.expr) -> ast.expr:
        return ast.Call(self.known(function), list(args), [])

    @contextmanager
    def bound(self, variable: str) -> Generator[str]:
        """The Python name of a macro's variable, while what it is visible in is emitted."""
        outer = self.scope
        name = f"v{self._bound}"
        self._bound += 1
        self.scope = {**outer, variable: name}
        try:
            yield name
        finally:
            self.scope = outer


def _locate(made: ast.AST, place: Position) -> None:
    """Python's own `fix_missing_locations` goes over every part again for each that is new."""
    for name, number in zip(_PLACE, place, strict=True):
        setattr(made, name, number)
    for name in made._fields:
        held = getattr(made, name)
        for part in held if held.__class__ is list else (held,):
            if isinstance(part, ast.AST) and part._fields and not hasattr(part, "lineno"):
                _locate(part, place)


def may_be_absent(node: Node) -> bool:
    if not isinstance(node, Select) or node.test or node.operand.type.kind is not Kind.RECORD:
        return False
    declared = node.operand.type.fields.get(node.field)
    return declared is None or declared.optional


def _cheap(expression: ast.expr) -> bool:
    """Whether reading it twice costs less than a call: `c.a`, `c.a.b`."""
    if isinstance(expression, ast.Attribute):
        inner = expression.value
        return isinstance(inner, ast.Name) or (isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name))
    return False
