"""docs/gateway.md has every code that an error of ours can carry, docs/failures.md every kind of failure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import policyroute
import policyroute_asgi
from policyroute.dialects.trouble import STATUS, ClientError
from policyroute.failures import Failure, FailureKind

ROOT = Path(__file__).parents[2]
ROOMS = tuple(Path(package.__path__[0]) for package in (policyroute, policyroute_asgi))
PROVIDERS = ROOMS[1] / "embedded"
"""Says what a provider would say, and that is not ours."""
GATEWAY, FAILURES = (ROOT / "docs" / page for page in ("gateway.md", "failures.md"))
KINDS = {kind.value for kind in FailureKind}
CODE_AT = {"BadRequest": 0, "refuse": 0, "ClientError": 1, "Denial": 1}
"""Whatever makes an error for a client, and which of its arguments is the code."""


def codes() -> set[str]:
    """All but the kinds of failure that are told by their own name."""
    told = [Failure(kind, "", unmet=unmet) for kind in STATUS for unmet in ("", "a floor")]
    found = {ClientError.of_failure(failure).code for failure in told} - KINDS
    for room in ROOMS:
        for file in sorted(room.rglob("*.py")):
            if PROVIDERS not in file.parents:
                found |= set(_written(ast.parse(file.read_text(encoding="utf-8"))))
    return found - KINDS


def _written(module: ast.Module) -> Iterator[str]:
    constants = dict(_constants(module))
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in CODE_AT:
                yield from _values(node.args[CODE_AT[name]], constants)
            elif name == "Failure" and any(each.arg == "client_key" for each in node.keywords):
                for given in (*node.args, *(each.value for each in node.keywords if each.arg == "code")):
                    if isinstance(given, ast.Name):
                        yield from _values(given, constants)
        elif isinstance(node, ast.Assign) and _name(node.targets[0]) == "code" and isinstance(node.value, ast.IfExp):
            yield from _values(node.value, constants)


def _constants(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                yield target.id, node.value.value


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _values(given: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """What is written there. A code that is only passed on is found where it is made."""
    if isinstance(given, ast.Name) and given.id in constants:
        yield constants[given.id]
    for node in ast.walk(given):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            yield node.value


def first_cells(page: Path, heading: str) -> list[str]:
    """What stands as code in the first column of the section's table."""
    section = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    found = [code for cell in cells for code in re.findall(r"`(\w+)`", cell)]
    assert len(found) == len(set(found))
    return found


def test_every_code_is_documented_and_none_that_is_not_there() -> None:
    documented, there = set(first_cells(GATEWAY, "Errors")), codes()
    assert there - documented == set()
    assert documented - there - KINDS == set()


def test_every_kind_of_failure_is_documented_and_none_that_is_not_there() -> None:
    assert set(first_cells(FAILURES, "The kinds")) == KINDS
