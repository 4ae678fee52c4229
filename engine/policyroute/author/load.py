"""From policy text to a policy set that may be used: every gate in one place.

Rule of this module: a policy set comes out whole or not at all. What keeps it from being used is one list of problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace

from policyroute.author.fallbacks import untold
from policyroute.author.reach import StaticFacts, unreachable
from policyroute.author.trial import failed, run
from policyroute.cel.compile import Compiler
from policyroute.decide import PolicySet
from policyroute.decide.endpoints import Endpoints
from policyroute.policy.compile import compile_policy
from policyroute.policy.files import Place, read_directory, shipped_packs
from policyroute.policy.model import Program
from policyroute.problems import PolicyErrors, Problem, ordered


def load(path: Place, compiler: Compiler | None = None) -> PolicySet:
    """The policy set of a directory of `*.yaml`. Raises PolicyErrors with every problem."""
    texts, problems = read_directory(path)
    return _built(texts, problems, compiler)


def load_untried(path: Place) -> PolicySet:
    """The same without its tests run: for whoever is asked about those that fail. What serves traffic comes from
    `load`. Raises PolicyErrors with every problem but failing tests."""
    texts, problems = read_directory(path)
    return PolicySet(_compiled(texts, problems, Compiler()))


def build(files: Mapping[str, str], compiler: Compiler | None = None) -> PolicySet:
    """The policy set of these texts by file name. Raises PolicyErrors with every problem.

    A compiler that is kept from one call to the next makes the next one cheaper: only what changed is compiled.
    """
    return _built(files, (), compiler)


def rebuild(files: Mapping[str, str], compiler: Compiler) -> PolicySet:
    """The policy set of texts that have passed `build` before, as in another process: their tests are not run again.

    Raises PolicyErrors where they never had.
    """
    return PolicySet(_compiled(files, (), compiler))


def _built(files: Mapping[str, str], found: Sequence[Problem], compiler: Compiler | None) -> PolicySet:
    program = _compiled(files, found, compiler or Compiler())
    facts = _static_facts(program)
    warnings = (*program.warnings, *unreachable(program, facts), *untold(program, facts))
    policy = PolicySet(replace(program, warnings=ordered(warnings)))
    failures = failed(run(policy))
    if failures:
        raise PolicyErrors((*failures, *warnings))
    return policy


def _compiled(files: Mapping[str, str], found: Sequence[Problem], compiler: Compiler) -> Program:
    program, problems = compile_policy(files, shipped_packs(), compiler, found)
    if program is None:
        raise PolicyErrors(problems)
    return program


def _static_facts(program: Program) -> StaticFacts:
    endpoints = Endpoints(program.targets)
    return lambda target: tuple(SimpleNamespace(**place.known) for place in endpoints.by_target[target.name])
