"""How problems look to people, programs and GitHub."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from policyroute.problems import Problem, Severity, Span
from policyroute_asgi.cli import render

EXCERPT = '    when: sesion.turn > 1 && request.headers["[bold]"] == ""'
PROBLEM = Problem(
    code="unknown-field",
    message="unknown field `sesion`, in 100%\nof cases",
    span=Span("main.yaml", 14, 11, 14, 17),
    hint="did you mean `session`?",
    excerpt=EXCERPT,
)
NOWHERE = Problem("no-default", "there is no `default`", severity=Severity.WARNING)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "main.yaml").touch()
    return tmp_path


def text(directory: Path, *problems: Problem) -> list[str]:
    out = io.StringIO()
    render.problems(problems, directory, render.console(out))
    return out.getvalue().splitlines()


def test_people_see_the_place_the_line_and_what_to_do(directory: Path) -> None:
    lines = text(directory, PROBLEM)
    assert lines[0] == f"{directory}/main.yaml:14:11 error unknown-field"
    assert f"  14 | {EXCERPT}" in lines
    marked = lines[lines.index(f"  14 | {EXCERPT}") + 1]
    assert marked.split("| ")[1] == " " * 10 + "^" * 6
    assert lines[-2] == "  hint: did you mean `session`?"


def test_a_problem_without_a_place_is_told_too(directory: Path) -> None:
    assert text(directory, NOWHERE)[:2] == ["warning no-default", "  there is no `default`"]


def test_a_span_over_several_lines_is_marked_to_the_end_of_its_first(directory: Path) -> None:
    problem = Problem("long", "too long", Span("main.yaml", 2, 3, 4, 1), excerpt="  abc")
    assert text(directory, problem)[-2] == "    |   ^^^"


def test_a_file_that_is_not_of_the_directory_keeps_its_name(directory: Path) -> None:
    problem = Problem("odd", "odd", Span("pack:profiles", 1, 1, 1, 2))
    assert render.place(problem, directory) == "pack:profiles:1:1"


def test_github_gets_one_line_a_problem_with_nothing_that_ends_it_early(directory: Path) -> None:
    out = io.StringIO()
    render.github([PROBLEM, NOWHERE], directory, out)
    first, second = out.getvalue().splitlines()
    assert (
        first.startswith("::error file=") and ",line=14,endLine=14,col=11,endColumn=17,title=unknown-field::" in first
    )
    assert first.endswith("unknown field `sesion`, in 100%25%0Aof cases%0Adid you mean `session`?")
    assert second == "::warning title=no-default::there is no `default`"


def test_github_properties_are_escaped_further(directory: Path) -> None:
    (directory / "a,b:c.yaml").touch()
    out = io.StringIO()
    render.github([Problem("odd", "odd", Span("a,b:c.yaml", 1, 1, 1, 2))], directory, out)
    assert "/a%2Cb%3Ac.yaml,line=1" in out.getvalue()


def test_json_is_json() -> None:
    out = io.StringIO()
    render.as_json({"problems": [PROBLEM.as_json()]}, out)
    assert json.loads(out.getvalue())["problems"][0]["line"] == 14
