"""Every case in `cases/`: a policy, and the problems it has, each with its place.

A problem is written `line:column code words of its message or hint`; the file before it where it is not `policy.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from policyroute.policy.model import Program
from policyroute.problems import Problem, Severity

CASES = Path(__file__).parent / "cases"
Compiled = tuple[Program | None, tuple[Problem, ...]]


def cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            yield pytest.param(case, id=f"{path.stem}: {case['name']}")


def place(problem: Problem) -> str:
    assert problem.span is not None
    where = f"{problem.span.line}:{problem.span.column}"
    return where if problem.span.file == "policy.yaml" else f"{problem.span.file}:{where}"


@pytest.mark.parametrize("case", list(cases()))
def test_case(
    case: dict[str, Any],
    compile_files: Callable[[Mapping[str, str]], Compiled],
    based: Callable[[str], Mapping[str, str]],
) -> None:
    files = case.get("files") or based(case["policy"])
    program, problems = compile_files(files)
    found = [f"{place(problem)} {problem.code}" for problem in problems]
    expected = [" ".join(each.split(" ")[:2]) for each in case["problems"]]
    assert found == expected, "\n".join(map(str, problems))
    for each, problem in zip(case["problems"], problems, strict=True):
        words = " ".join(each.split(" ")[2:])
        assert words in f"{problem.message} {problem.hint}", f"{problem.message} {problem.hint}"
        assert problem.excerpt is not None
    wrong = any(problem.severity is Severity.ERROR for problem in problems)
    assert (program is None) is wrong
