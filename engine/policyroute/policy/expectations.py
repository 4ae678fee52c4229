"""Embedded tests: the names in what they give and expect.

Rule of this module: a test that expects a name nothing has could never pass, or never fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from policyroute.policy.model import Case
from policyroute.policy.reading import Loaded
from policyroute.policy.report import suggestion
from policyroute.policy.routes import Scope
from policyroute.policy.spelling import is_list
from policyroute.policy.tree import Path

_TARGETS = ("target", "candidates", "excluded")
_RULES = ("route_rule", "fired", "not_fired", "shadow")


def cases(files: Iterable[Loaded], rules: Mapping[str, bool], scope: Scope) -> tuple[Case, ...]:
    """Every well-formed test, in order. `rules` are the set's by id: whether they see answers."""
    found: list[Case] = []
    names: set[str] = set()
    for loaded in files:
        for index, spec in zip(loaded.tests, loaded.document.tests, strict=True):
            path: Path = ("tests", index)
            if spec.name in names:
                scope.error("duplicate-name", "two tests have this name", loaded.file, (*path, "name"), "rename one")
            names.add(spec.name)
            _check(loaded, path, rules, scope)
            found.append(Case(spec, loaded.file.span((*path, "name"))))
    return tuple(found)


def _check(loaded: Loaded, path: Path, rules: Mapping[str, bool], scope: Scope) -> None:
    written = loaded.file.data(path)
    _check_targets(loaded, path, scope)
    _check_profiles(loaded, path, scope)
    _check_schema(loaded, path, scope)
    for key in _RULES:
        for name, place in _named(written.get("expect", {}).get(key), (*path, "expect", key)):
            if name not in rules and name != "default" and scope.complete:
                hint = suggestion(name, rules)
                scope.error("unknown-rule", f"no rule is called `{name}`", loaded.file, place, hint)
            elif rules.get(name) and not written.get("given", {}).keys() & {"response", "usage"}:
                message = f"the rule `{name}` sees answers, and this test gives none"
                scope.error("test-without-answer", message, loaded.file, place, "`given: {response: {text: ...}}`")


def _check_targets(loaded: Loaded, path: Path, scope: Scope) -> None:
    written = loaded.file.data(path)
    given, expect = written.get("given", {}), written.get("expect", {})
    named = [
        *((name, (*path, "given", "targets", name)) for name in given.get("targets", {})),
        *_named(given.get("session", {}).get("target"), (*path, "given", "session", "target")),
        *(found for key in _TARGETS for found in _named(expect.get(key), (*path, "expect", key))),
    ]
    for name, place in named:
        if name not in scope.targets and scope.complete:
            hint = suggestion(name, scope.targets)
            scope.error("unknown-target", f"no target is called `{name}`", loaded.file, place, hint)


def _check_profiles(loaded: Loaded, path: Path, scope: Scope) -> None:
    given = loaded.file.data(path).get("given", {})
    for root, key in (("request", "profile"), ("client", "profiles"), ("session", "profile")):
        for name, place in _named(given.get(root, {}).get(key), (*path, "given", root, key)):
            if scope.profiles is not None and name not in scope.profiles.known:
                hint = suggestion(name, scope.profiles.known)
                scope.error("unknown-profile", f"no profile is called `{name}`", loaded.file, place, hint)


def _check_schema(loaded: Loaded, path: Path, scope: Scope) -> None:
    place = ("expect", "expected_schema")
    for name, at in _named(loaded.file.data(path).get(place[0], {}).get(place[1]), (*path, *place)):
        if name not in scope.schemas and scope.complete:
            message = f"there is no schema file `{name}` in the policy directory"
            scope.error("unknown-schema", message, loaded.file, at, suggestion(name, scope.schemas))


def _named(value: object, path: Path) -> Iterator[tuple[str, Path]]:
    """The names under a key, one or a list, each with its place."""
    if isinstance(value, str):
        yield value, path
    elif is_list(value):
        yield from ((str(name), (*path, index)) for index, name in enumerate(value))
