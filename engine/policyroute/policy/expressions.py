"""The places of a policy where CEL stands, compiled.

Rule of this module: one environment for all of the author's files and one for all packs, and what each place asks of
its expression is said by the caller as a `Demand`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from policyroute.cel import Demand, Environment, Expression
from policyroute.cel.compile import Compiler
from policyroute.cel.trouble import SYNTAX
from policyroute.policy.report import Report
from policyroute.policy.tree import File, Path, Scalar
from policyroute.problems import Problem

_COMMENT = re.compile(r"[ \t]+#.*\S")


@dataclass(frozen=True, slots=True)
class Environments:
    """What the author's own expressions may name, and what those of shipped packs may."""

    own: Environment
    packs: Environment


@dataclass(frozen=True, slots=True)
class Expressions:
    compiler: Compiler
    environments: Environments
    report: Report
    reads: set[str] = field(default_factory=set[str])
    """The fields that those compiled so far may read."""

    def compile(self, file: File, path: Path, demand: Demand) -> Expression | None:
        """The expression at this place, or None where it is wrong."""
        environment = self.environments.packs if file.source.shipped else self.environments.own
        expression, problems = self.compiler.compile(file.expression(path), environment, demand)
        self.report.problems.extend(_cut_short(problem, file, path) for problem in problems)
        if expression is not None:
            self.reads.update(expression.reads)
        return expression


def _cut_short(problem: Problem, file: File, path: Path) -> Problem:
    """A syntax error just before a YAML comment is most often `#` inside the expression."""
    node = file.find(path)[0]
    if problem.code != SYNTAX or not isinstance(node, Scalar) or node.style:
        return problem
    if not _COMMENT.match(file.source.text, node.end):
        return problem
    return replace(problem, hint="YAML takes what follows ` #` for a comment: quote the whole expression")
