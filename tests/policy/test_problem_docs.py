"""docs/problems.md: every code is in it, and its examples are what it says they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import policyroute
import policyroute_asgi
from policyroute.author.load import build
from policyroute.problems import PolicyErrors

ROOT = Path(__file__).parents[2]
ENGINE, EDGE = (Path(package.__path__[0]) for package in (policyroute, policyroute_asgi))
PAGE = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
_CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+\Z")
_SECTION = re.compile(r"^### `([a-z0-9-]+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(yml|yaml)( alone)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MAKERS = {"Problem", "error", "warning", "wrong", "_problem", "_warning", "_stop", "_Trouble"}


def _literals(node: ast.AST) -> Iterator[str]:
    """Every string that stands first in a problem, or in a tuple that is returned, or as `code=`."""
    for each in ast.walk(node):
        first: ast.expr | None = None
        if isinstance(each, ast.Call):
            name = each.func.attr if isinstance(each.func, ast.Attribute) else getattr(each.func, "id", "")
            coded = [keyword.value for keyword in each.keywords if keyword.arg == "code"]
            first = coded[0] if coded else each.args[0] if name in _MAKERS and each.args else None
        elif isinstance(each, ast.Return) and isinstance(each.value, ast.Tuple) and each.value.elts:
            first = each.value.elts[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and _CODE.match(first.value):
            yield first.value


def codes() -> set[str]:
    """Every code the project can report, read from its source."""
    modules = [*ENGINE.glob("**/*.py"), *EDGE.glob("*.py"), *EDGE.glob("audit/*.py")]
    found = {code for path in modules for code in _literals(ast.parse(path.read_text(encoding="utf-8")))}
    trouble = ast.parse((ENGINE / "cel" / "trouble.py").read_text(encoding="utf-8"))
    constants = [each.value for each in ast.walk(trouble) if isinstance(each, ast.Assign)]
    return found | {str(each.value) for each in constants if isinstance(each, ast.Constant)}


def examples() -> list[Any]:
    return [
        pytest.param(code, kind == "yml", bool(alone), text, id=f"{code} {'bad' if kind == 'yml' else 'good'}")
        for code, section in _SECTION.findall(PAGE)
        for kind, alone, text in _BLOCK.findall(section)
    ]


def found_in(files: Mapping[str, str]) -> set[str]:
    try:
        return {problem.code for problem in build(files).program.warnings}
    except PolicyErrors as error:
        return {problem.code for problem in error.problems}


def test_every_code_is_documented_and_none_that_is_not_there() -> None:
    documented = set(re.findall(r"^(?:### |\| )`([a-z0-9-]+)`", PAGE, re.MULTILINE))
    assert codes() == documented


@pytest.mark.parametrize(("code", "bad", "alone", "text"), examples())
def test_an_example_is_what_it_says(
    code: str, bad: bool, alone: bool, text: str, based: Callable[[str], Mapping[str, str]]
) -> None:
    files = {"policy.yaml": text} if alone or text.startswith("version: 1\n") else based(text)
    assert found_in(files) == ({code} if bad else set())
