"""The house rules that no linter knows: module sizes, module docstrings, where files and cel-python may be touched."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("engine", "middleware")
MODULES = sorted(path for root in SOURCES for path in (ROOT / root).rglob("*.py"))

pytestmark = pytest.mark.skipif(not MODULES, reason="the source roots are out of the way: the wheel is under test")


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_over_300_lines() -> None:
    long = {str(path.relative_to(ROOT)): lines(path) for path in MODULES if lines(path) > 300}
    assert long == {}


def test_half_of_the_modules_are_under_150_lines() -> None:
    assert statistics.median(lines(path) for path in MODULES) < 150


def test_every_module_opens_with_what_it_is() -> None:
    silent = [str(path.relative_to(ROOT)) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_nothing_is_left_unfinished() -> None:
    marks = ("TODO", "FIXME", "XXX", "NotImplementedError")
    found = [f"{path.name}: {mark}" for path in MODULES for mark in marks if mark in path.read_text()]
    assert found == []


def test_functions_fit_a_screen() -> None:
    tall = [
        f"{path.name}:{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert tall == []
