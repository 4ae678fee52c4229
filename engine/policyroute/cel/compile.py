"""From the text of an expression to an `Expression`: parse, check, generate code, and remember what was expensive.

Rule of this module: what is remembered does not depend on where an expression stands. A rule that moves to another line
is not compiled again; its code is only set down elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from policyroute.cel import interpret
from policyroute.cel.check import check
from policyroute.cel.codegen import Template, offsets, template
from policyroute.cel.codegen_macros import BudgetError
from policyroute.cel.emitting import UnsupportedError
from policyroute.cel.expression import Demand, Environment, EvaluationError, Expression, Facts, Source
from policyroute.cel.operations import truth
from policyroute.cel.parse import parse
from policyroute.cel.parts import Part, taken_apart
from policyroute.cel.region import ALWAYS, Condition, condition
from policyroute.cel.syntax import Node
from policyroute.cel.trouble import Trouble
from policyroute.cel.types import Kind
from policyroute.problems import Problem, Span

_Shape = int | tuple[tuple[int, int], ...]
"""How a text lies in its file: at its column, where it is written on one line, else where each of its offsets is."""

RAISED: Final = (EvaluationError, TypeError, LookupError, AttributeError, ArithmeticError, ValueError)
"""What fast code raises where CEL would not have gone the same way. Anything else is a fault of the facts."""
_MAX_PRINTS: Final = 64
_MAX_TEMPLATES: Final = 8


@dataclass(slots=True)
class _Known:
    """What was found out about a text in an environment. `templates` by how its lines and columns lie to each other."""

    tree: Node | None
    reads: frozenset[str]
    troubles: tuple[Trouble, ...]
    parts: tuple[Part, ...] = ()
    condition: Condition = ALWAYS
    offsets: tuple[int, ...] = ()
    templates: dict[_Shape, Template | None] = field(default_factory=dict[_Shape, "Template | None"])


class Compiler:
    """Compiles expressions and remembers them, from one load of a policy to the next.

    It keeps at most `capacity` expressions, the least recently used environments going first. One thread at a time.
    """

    def __init__(self, capacity: int = 8192) -> None:
        self._capacity = capacity
        self._held: dict[str, dict[tuple[str, Demand], _Known]] = {}
        self._printed: dict[int, tuple[Environment, str]] = {}

    def compile(
        self, source: Source, environment: Environment, demand: Demand
    ) -> tuple[Expression | None, tuple[Problem, ...]]:
        """The expression, or None; and every problem, warnings too, with its place."""
        held = self._of(environment)
        key = (source.text, demand)
        known = held.get(key) or held.setdefault(key, _found_out(source.text, environment, demand))
        problems = tuple(trouble.problem(source) for trouble in known.troubles)
        if known.tree is None:
            return None, problems
        exact = _exact(known.tree, environment, _wants_truth(known.tree, demand))
        fast = _fast(known, source, environment, demand) or exact
        evaluate = _evaluation(source, fast, exact)
        return Expression(
            source, known.tree, known.parts, known.condition, known.tree.type, known.reads, fast, evaluate
        ), problems

    def _of(self, environment: Environment) -> dict[tuple[str, Demand], _Known]:
        """What is remembered of this environment, which is now the most recently used."""
        name = self._print(environment)
        held = self._held[name] = self._held.pop(name, {})
        while sum(map(len, self._held.values())) >= self._capacity:
            self._held.pop(next(iter(self._held))).clear()
        return self._held.setdefault(name, held)

    def _print(self, environment: Environment) -> str:
        """Two environments that declare the same have the same print."""
        found = self._printed.get(id(environment))
        if found is None:
            if len(self._printed) >= _MAX_PRINTS:
                self._printed.clear()
            text = repr((sorted(environment.flat), environment.roots, environment.constants))
            found = self._printed[id(environment)] = (environment, text)
        return found[1]


def compile_expression(
    source: Source, environment: Environment, demand: Demand
) -> tuple[Expression | None, tuple[Problem, ...]]:
    """One expression on its own; a `Compiler` remembers."""
    return Compiler().compile(source, environment, demand)


def compile_node(node: Node, source: Source, environment: Environment) -> Callable[[Facts], Any]:
    """The fast code of a part of a checked tree. It is right unless it raises; then the whole expression is asked."""
    known = _Known(node, frozenset(), (), offsets=offsets(node))
    return _fast(known, source, environment, Demand()) or _exact(node, environment, truth_wanted=False)


def _found_out(text: str, environment: Environment, demand: Demand) -> _Known:
    parsed = parse(text)
    if isinstance(parsed, Trouble):
        return _Known(None, frozenset(), (parsed,))
    checked = check(parsed, environment, demand)
    if checked.tree is None:
        return _Known(None, checked.reads, checked.troubles)
    tree, parts = checked.tree, taken_apart(checked.tree)
    return _Known(tree, checked.reads, checked.troubles, parts, condition(parts), offsets(tree))


def _wants_truth(tree: Node, demand: Demand) -> bool:
    """Whether a result of no static type has to be looked at."""
    return demand.type.kind is Kind.BOOL and tree.type.kind is not Kind.BOOL


def _fast(known: _Known, source: Source, environment: Environment, demand: Demand) -> Callable[[Facts], Any] | None:
    """The fast code, standing where the source stands; None if there is none for this tree."""
    assert known.tree is not None
    line, column = source.place(0)
    length = len(source.text)
    shape: _Shape
    if source.place(length) == (line, column + length):  # on one line, as written
        shape = column
    else:
        shape = tuple((at - line + 1, column) for at, column in map(source.place, known.offsets))
    if shape not in known.templates:
        if len(known.templates) >= _MAX_TEMPLATES:
            known.templates.clear()
        lying = shape if isinstance(shape, tuple) else ((1, column + offset) for offset in known.offsets)
        places = dict(zip(known.offsets, lying, strict=True))
        known.templates[shape] = _template(known.tree, environment, places, _wants_truth(known.tree, demand))
    made = known.templates[shape]
    return None if made is None else made.at(source.file, line)


def _template(
    tree: Node, environment: Environment, places: dict[int, tuple[int, int]], truth_wanted: bool
) -> Template | None:
    try:
        return template(tree, environment, places, truth_wanted)
    except UnsupportedError:
        return None


def _exact(tree: Node, environment: Environment, truth_wanted: bool) -> Callable[[Facts], Any]:
    flat = environment.flat

    def exact(facts: Facts) -> Any:
        value = interpret.evaluate(tree, facts, flat)
        return truth(value) if truth_wanted else value

    return exact


def _evaluation(source: Source, fast: Callable[[Facts], Any], exact: Callable[[Facts], Any]) -> Callable[[Facts], Any]:
    def evaluate(facts: Facts) -> Any:
        try:
            return fast(facts)
        except BudgetError as error:
            raise EvaluationError(error.reason, source.span(0, len(source.text))) from None
        except RAISED:
            pass
        try:
            return exact(facts)
        except EvaluationError as error:
            raise EvaluationError(error.reason, error.span or _where(error, source)) from None

    return evaluate


def _where(error: EvaluationError, source: Source) -> Span:
    whole = len(source.text)
    return source.span(error.start if error.start is not None else 0, error.end if error.end is not None else whole)
