"""The files of a policy directory as one program.

Rule of this module: files in name order, then the packs they use; every problem of every file is in the one list that
comes back, and a program only where none of them is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from policyroute.cel.compile import Compiler
from policyroute.policy import symbols
from policyroute.policy.addresses import origin
from policyroute.policy.audits import Audit
from policyroute.policy.batches import Batches
from policyroute.policy.budgets import report_twice
from policyroute.policy.clients import clients
from policyroute.policy.clients import profiles as known_profiles
from policyroute.policy.conflicts import PlacedRule, report_conflicts
from policyroute.policy.endpoints import provider, target
from policyroute.policy.expectations import cases
from policyroute.policy.expressions import Expressions
from policyroute.policy.files import SCHEMA
from policyroute.policy.model import Default, Program, Provider, Rule, Target
from policyroute.policy.reading import Loaded, read
from policyroute.policy.refusals import refusals
from policyroute.policy.report import Report
from policyroute.policy.routes import Scope
from policyroute.policy.rules import conditions, default, is_whole, rule, sees_answers
from policyroute.policy.scrubs import profile
from policyroute.policy.tasks import check_tasks
from policyroute.policy.text import SourceText
from policyroute.policy.variables import Names, compile_variables
from policyroute.problems import Problem, errors
from policyroute.scrub.profile import Profile


def compile_policy(
    files: Mapping[str, str], packs: Mapping[str, str], compiler: Compiler, found: Sequence[Problem] = ()
) -> tuple[Program | None, tuple[Problem, ...]]:
    """The program, or None; and every problem, those of reading the files (`found`) too.

    `files` and `packs` are texts by name. `compiler` remembers expressions from one call to the next.
    """
    report = Report(list(found))
    policies = sorted(name for name in files if not name.endswith(SCHEMA))
    loaded = [read(SourceText(name, files[name].removeprefix("\ufeff")), report) for name in policies]
    own = [each for each in loaded if each is not None]
    complete = not errors(found) and len(own) == len(loaded)
    if not own:
        return None, report.finished()
    used = symbols.packs_used(own, packs, report)
    revision = _revision({**files, **{f"pack/{name}": packs[name] for name in used}})
    schemas = {name: text for name, text in files.items() if name.endswith(SCHEMA)}
    program = _linked(_Files(own, used, complete, schemas), revision, compiler, report)
    problems = report.finished()
    return (replace(program, warnings=problems) if program and not errors(problems) else None), problems


def _revision(texts: Mapping[str, str]) -> str:
    """A name for these texts: the sha256 of each name and text with its length, in name order."""
    digest = hashlib.sha256()
    for name in sorted(texts):
        for part in (name, texts[name]):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Files:
    """`schemas` are texts by file name. `complete` is False where a file could not be read: then a name that seems
    unknown may well be in it."""

    own: Sequence[Loaded]
    packs: Mapping[str, Loaded]
    complete: bool
    schemas: Mapping[str, str]

    @property
    def all(self) -> tuple[Loaded, ...]:
        return (*self.own, *self.packs.values())


def _linked(files: _Files, revision: str, compiler: Compiler, report: Report) -> Program | None:
    providers = _providers(files.own, report)
    targets = _targets(files.own, providers, report)
    written = symbols.rules(files.own, files.packs, report)
    constants = symbols.constants(symbols.declared("constants", files.all, report), report)
    declared = symbols.declared("variables", files.all, report)
    profiles = known_profiles(files.own, report, files.complete)
    budgets = [each.spec.budget.name for each in written if each.spec.budget is not None]
    names = Names(targets, constants, declared, profiles.known if profiles else None, files.complete, budgets)
    expressions = Expressions(compiler, names.environments(), report)
    variables, expressions = compile_variables(
        {name: each.file for name, each in declared.items() if name in each.document.variables},
        [text for each in written for text in conditions(each.spec)],
        names,
        expressions,
    )
    if files.complete:
        check_tasks(files.all, declared, variables, report)
    scrubs = _scrubs(files.own, expressions)
    scope = Scope(targets, expressions, report, files.complete, profiles, files.schemas, scrubs, variables)
    batches = Batches(targets, variables, report)
    rules = _rules(written, scope, batches)
    last = _default(files, scope, batches)
    tests = cases(files.own, {each.id: sees_answers(each.spec) for each in written}, scope)
    callers = clients(files.own, scope)
    phrases = refusals(files.own, rules, last, report)
    if last is None or profiles is None:
        return None
    return Program(
        revision=revision,
        providers={name: each for name, each in providers.items() if each},
        targets={name: each for name, each in targets.items() if each},
        variables=variables,
        rules=rules,
        default=last,
        cases=tests,
        clients=callers,
        profiles=profiles,
        refusals=phrases,
        audit=_audit(files.own, report),
        reads=frozenset(expressions.reads),
        client_key_origins=frozenset(origin(each.base_url) for each in providers.values() if each and each.client_key),
    )


def _audit(files: Sequence[Loaded], report: Report) -> Audit | None:
    loaded = symbols.only("audit", files, report)
    if loaded is None or loaded.document.audit is None:
        return None
    return Audit.of(loaded.document.audit, loaded.file.key_span(("audit",)))


def _providers(files: Sequence[Loaded], report: Report) -> Mapping[str, Provider | None]:
    """Every declared provider; None for those that are wrong."""
    found: dict[str, Provider | None] = {}
    for name, loaded in symbols.declared("providers", files, report).items():
        spec = loaded.document.providers.get(name)
        found[name] = provider(name, spec, loaded.file, report) if spec else None
    return found


def _targets(
    files: Sequence[Loaded], providers: Mapping[str, Provider | None], report: Report
) -> Mapping[str, Target | None]:
    """Every declared target; None for those that are wrong."""
    found: dict[str, Target | None] = {}
    for name, loaded in symbols.declared("targets", files, report).items():
        spec = loaded.document.targets.get(name)
        found[name] = target(name, spec, providers, loaded.file, report) if spec else None
    return found


def _scrubs(files: Sequence[Loaded], expressions: Expressions) -> Mapping[str, Profile | None]:
    """Every declared profile of what may cross; None for those that are wrong."""
    found: dict[str, Profile | None] = {}
    for name, loaded in symbols.declared("scrub", files, expressions.report).items():
        spec = loaded.document.scrub.get(name)
        found[name] = profile(name, spec, loaded.file, expressions) if spec else None
    return found


def _rules(written: Sequence[symbols.WrittenRule], scope: Scope, batches: Batches) -> tuple[Rule, ...]:
    """Every rule in order; those without problems of their own are looked at together."""
    sound: list[PlacedRule] = []
    made: list[Rule] = []
    for position, each in enumerate(written):
        before = len(scope.report.problems)
        compiled = rule(each.spec, (each.id, position), each.file, each.path, scope)
        made.append(compiled)
        if not errors(scope.report.problems[before:]) and is_whole(each.spec, each.file, each.path):
            sound.append(PlacedRule(compiled, each.file, each.path))
    report_conflicts(sound, scope.report)
    report_twice([(each.rule.budget, each.file, each.path) for each in sound if each.rule.budget], scope)
    batches.rules(sound)
    return tuple(made)


def _default(files: _Files, scope: Scope, batches: Batches) -> Default | None:
    loaded = symbols.default_file(files.own, scope.report, files.complete)
    if loaded is None or loaded.document.default is None:
        return None
    made = default(loaded.document.default, loaded.file, scope)
    batches.default(made, loaded.file)
    return made
