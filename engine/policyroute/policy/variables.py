"""The policy's own variables: compiled in an order in which each finds those it reads.

Rule of this module: a variable that goes round in a circle is an error; one that is wrong in itself is not reported
again wherever it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policyroute.cel import Demand, Environment, Expression
from policyroute.cel.types import DYN, STRING, Cost, Field, Phase, map_of
from policyroute.policy.expressions import Environments, Expressions
from policyroute.policy.report import Report
from policyroute.policy.target_vocabulary import target_record
from policyroute.policy.tree import File, dotted
from policyroute.policy.vocabulary import CLIENT, CONTENT, FLAT, GATEWAY, REQUEST, SESSION, roots
from policyroute.request import PROFILES

_STRING = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\"""")
_READ = re.compile(r"\bvariables\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")
_FIELDS: Mapping[str, Mapping[str, Field]] = {
    "request": REQUEST,
    "client": CLIENT,
    "session": SESSION,
    "gateway": GATEWAY,
    "content": CONTENT,
}
_UNKNOWN = {"variables": DYN, "budgets": DYN, "constants": DYN, "targets": map_of(STRING, target_record(Phase.REQUEST))}


@dataclass(frozen=True, slots=True)
class Names:
    """What expressions may name beside the vocabulary. `variables` are all declared ones, well formed or not.

    `complete` is False where a file could not be read: then any name may well be in it. `profiles` are the set's, None
    where they are not known.
    """

    targets: Iterable[str]
    constants: Mapping[str, Any]
    variables: Iterable[str]
    profiles: Sequence[str] | None = PROFILES
    complete: bool = True
    budgets: Sequence[str] = ()

    def environments(self, fields: Mapping[str, Field] | None = None) -> Environments:
        """With these types of variables; one that is not known may be anything."""
        own = self._environment(fields, self.profiles)
        if self.profiles is None or set(PROFILES) <= set(self.profiles):
            return Environments(own, own)
        # A pack is written for the shipped profiles. A rule of its for one that is not known here matches nothing, and
        # is no mistake of the author's.
        return Environments(own, self._environment(fields, [*self.profiles, *PROFILES]))

    def _environment(self, fields: Mapping[str, Field] | None, profiles: Sequence[str] | None) -> Environment:
        if not self.complete:
            return Environment({**roots(profiles=profiles), **_UNKNOWN}, FLAT - _UNKNOWN.keys())
        known = {**dict.fromkeys(self.variables, Field(DYN)), **(fields or {})}
        return Environment(roots(self.targets, known, profiles, self.budgets), FLAT, self.constants)


def read_by(text: str) -> frozenset[str]:
    """The variables that an expression seems to read. It may name one that only stands in a comment, never miss one."""
    return frozenset(_READ.findall(_STRING.sub("''", text)))


def compile_variables(
    written: Mapping[str, File], guarded: Iterable[str], names: Names, expressions: Expressions
) -> tuple[Mapping[str, Expression], Expressions]:
    """The variables, each after those it reads, and what everything else is to be compiled with.

    `guarded` are the texts of conditions that fail closed: what they read must not err either.
    """
    if not written:
        return {}, expressions
    needs = {name: read_by(_text(name, file)) & written.keys() for name, file in written.items()}
    strict = _reached(frozenset[str]().union(*map(read_by, guarded)), needs)
    fields: dict[str, Field] = {}
    made: dict[str, Expression] = {}
    for level in _levels(needs, written, expressions.report):
        for name in level:
            demand = Demand(guarded=name in strict)
            expression = expressions.compile(written[name], ("variables", name), demand)
            if expression is not None:
                made[name] = expression
                fields[name] = Field(expression.type, cost=_cost(expression.reads, fields))
        expressions = replace(expressions, environments=names.environments(fields))
    return made, expressions


def _text(name: str, file: File) -> str:
    return file.expression(("variables", name)).text


def _levels(needs: Mapping[str, frozenset[str]], written: Mapping[str, File], report: Report) -> list[list[str]]:
    """Levels of variables, each reading only earlier ones. Those that go in a circle are reported, not listed."""
    levels: list[list[str]] = []
    left = dict(needs)
    done: set[str] = set()
    while ready := sorted(name for name, needed in left.items() if needed <= done):
        levels.append(ready)
        done.update(ready)
        left = {name: needed for name, needed in left.items() if name not in done}
    reported: set[str] = set()
    for name in sorted(left):
        if name not in reported and (circle := _circle(name, left)):
            reported.update(circle)
            path = ("variables", name)
            hint = " reads ".join(f"`{each}`" for each in (*circle, name))
            message = f"the variable `{name}` cannot be known before itself"
            report.error("variable-cycle", message, written[name].span(path), hint=hint, path=dotted(path))
    return levels


def _circle(start: str, needs: Mapping[str, frozenset[str]]) -> tuple[str, ...] | None:
    """A way from a variable back to itself, the shortest."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in ways:
        for name in sorted(needs.get(way[-1], ())):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return None


def _reached(names: frozenset[str], needs: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The names and all they need."""
    reached: frozenset[str] = frozenset()
    while names - reached:
        reached |= names
        names = frozenset[str]().union(*(needs.get(name, frozenset()) for name in names))
    return reached


def _cost(reads: Iterable[str], variables: Mapping[str, Field]) -> Cost:
    """What evaluating a variable costs: as much as the dearest field it reads."""
    tables = {**_FIELDS, "variables": variables}
    costs = [Cost.CHEAP]
    for read in reads:
        root, _, rest = read.partition(".")
        field = tables.get(root, {}).get(rest.partition(".")[0])
        costs.append(field.cost if field else Cost.CHEAP)
    return max(costs)
