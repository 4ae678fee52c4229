"""Which rules match, without evaluating a thousand conditions: bitmaps over the atoms of all of them.

Every condition is taken apart into rows of atoms (`rows`); all the atoms over one dimension are a table or two
(`tables`). A request's value in a dimension is read once, and whole sets of rows fall. What is left of a condition is
compiled code, run for the rows that still stand. Rule of this module: the index may only be sure. Where anything could
not be read, the exact condition is evaluated, so that what `matching.scan` gives is what comes out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, NamedTuple

from policyroute.absent import ABSENT, Absent
from policyroute.cel.canonical import canonical
from policyroute.cel.compile import RAISED, compile_node
from policyroute.cel.conjuncts import Atom, Dimension
from policyroute.cel.expression import Environment, EvaluationError, Source
from policyroute.cel.syntax import Call, Ident, Node, Select, children
from policyroute.cel.types import BOOL, Cost
from policyroute.decide.effects import bits
from policyroute.decide.facts import Facts
from policyroute.decide.matching import Match, holds
from policyroute.decide.rows import Row, rows_of
from policyroute.decide.tables import Table, tables
from policyroute.policy.model import Rule

Read = Callable[[Facts], Any]
Compile = Callable[[Node], Read]

_NOWHERE: Final = Source("", "<index>", lambda offset: (1, offset + 1))
"""Where code stands whose errors nobody sees: whatever raises is asked again, exactly."""


class _Step(NamedTuple):
    """One dimension: the rows that ask it, how it is read, and its tables."""

    users: int
    read: Read
    table: Table
    more: tuple[Table, ...]
    cost: tuple[Cost, bool]


def compiling(environment: Environment) -> Compile:
    def compiled(node: Node) -> Read:
        return compile_node(node, _NOWHERE, environment)

    return compiled


class Index:
    """Rules whose conditions can be taken apart. Rules without a condition always match."""

    def __init__(self, rules: Sequence[Rule], environment: Environment) -> None:
        compiled = compiling(environment)
        self._whens = [rule.when for rule in rules]
        self._always = sum(1 << n for n, when in enumerate(self._whens) if when is None)
        rows = [row for n, when in enumerate(self._whens) if when is not None for row in rows_of(n, when.parts)]
        self._every = (1 << len(rows)) - 1
        self._rule = [row.rule for row in rows]
        shared = _shared(rows)
        steps = [*_dimensions(rows, self._every, compiled), *_tests(shared, self._every, compiled)]
        steps.sort(key=lambda step: (step.cost, -step.users.bit_count()))
        self._steps = [step[:4] for step in steps]
        residuals = [tuple(node for node in row.residual if canonical(node) not in shared) for row in rows]
        self._residuals = [_test(compiled(_joined(nodes))) if nodes else None for nodes in residuals]

    def match(self, facts: Facts) -> Match:
        """The rules that match, and the errors of those that could not be evaluated."""
        standing, doubtful = self._standing(facts)
        matched = self._always
        settled = 0
        erred: dict[int, EvaluationError] = {}
        for row in bits(standing):
            rule = self._rule[row]
            bit = 1 << rule
            if (matched | settled) & bit:
                continue
            residual = self._residuals[row]
            answer = ABSENT if doubtful >> row & 1 else residual is None or residual(facts)
            if answer is ABSENT:
                settled |= bit
                when = self._whens[rule]
                answer = when is not None and holds(when, facts, rule, erred)
            if answer:
                matched |= bit
        return Match(matched, erred)

    def _standing(self, facts: Facts) -> tuple[int, int]:
        """The rows whose atoms hold as far as they could be read, and those of which something could not."""
        standing = self._every
        doubtful = 0
        for users, read, table, more in self._steps:
            if standing & users:
                try:
                    value = read(facts)
                except RAISED:
                    value = ABSENT
                if value is ABSENT:
                    doubtful |= users
                    continue
                standing &= table(value)
                for another in more:
                    standing &= another(value)
        return standing, doubtful


def _dimensions(rows: Sequence[Row], every: int, compiled: Compile) -> list[_Step]:
    by_dimension: dict[Dimension, dict[int, list[Atom]]] = defaultdict(lambda: defaultdict(list))
    for n, row in enumerate(rows):
        for atom in row.atoms:
            by_dimension[atom.dimension][n].append(atom)
    steps: list[_Step] = []
    for dimension, atoms in by_dimension.items():
        users = sum(1 << n for n in atoms)
        first, *more = tables(atoms, every, dimension.many)
        read = compiled(dimension.node)
        if _is_token_count(dimension.node):
            thresholds = [constant for each in atoms.values() for atom in each for constant in atom.constants]
            read = _counting(read, min(thresholds))
        steps.append(_Step(users, read, first, tuple(more), (dimension.cost, dimension.fallible)))
    return steps


def _is_token_count(node: Node) -> bool:
    return (
        isinstance(node, Select)
        and node.field == "input_tokens"
        and isinstance(node.operand, Ident)
        and node.operand.name == "request"
    )


def _counting(count: Read, least: float) -> Read:
    """Tokens, counted only where there may be as many as any rule asks about: a token is at least a byte of the body.

    Below that every number gives the same answers, so that of the bytes will do. A count that was declared stands.
    """

    def read(facts: Facts) -> Any:
        request = facts.request
        size = len(request.body)
        return size if size < least and "input_tokens" not in request.__dict__ else count(facts)

    return read


def _tests(shared: dict[Hashable, tuple[Node, int]], every: int, compiled: Compile) -> list[_Step]:
    """Conditions that are no atoms, but stand in several rows, are evaluated once."""
    return [
        _Step(users, _test(compiled(node)), {True: every, False: every & ~users}.__getitem__, (), (_cost(node), True))
        for node, users in shared.values()
    ]


def _shared(rows: Sequence[Row]) -> dict[Hashable, tuple[Node, int]]:
    found: dict[Hashable, tuple[Node, int]] = {}
    for n, row in enumerate(rows):
        for node in row.residual:
            key = canonical(node)
            found[key] = (node, found.get(key, (node, 0))[1] | 1 << n)
    return {key: (node, users) for key, (node, users) in found.items() if users.bit_count() > 1}


def _test(read: Read) -> Callable[[Facts], bool | Absent]:
    """ABSENT where the exact condition has to be asked."""

    def tested(facts: Facts) -> bool | Absent:
        try:
            answer = read(facts)
        except RAISED:
            return ABSENT
        return answer if answer is True or answer is False else ABSENT

    return tested


def _joined(nodes: Sequence[Node]) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    return Call("_&&_", tuple(nodes), start=nodes[0].start, end=nodes[-1].end, type=BOOL)


def _cost(node: Node) -> Cost:
    """The dearest field that the node reads."""
    declared = node.operand.type.fields.get(node.field) if isinstance(node, Select) else None
    own = declared.cost if declared else Cost.CHEAP
    return max((own, *(_cost(part) for part in children(node))))
