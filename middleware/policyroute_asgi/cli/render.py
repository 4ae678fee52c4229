"""Problems for people, for programs and for GitHub.

Rule of this module: it renders values and decides nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import orjson

from policyroute.problems import PolicyErrors, Problem, Severity

if TYPE_CHECKING:
    from rich.console import Console


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def format_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        type=Format,
        choices=list(Format),
        default=Format.TEXT,
        help="text for people, json for programs, github for annotations in a workflow (default: text)",
    )


def plain_format_option(parser: argparse.ArgumentParser) -> None:
    """For commands that have no line of a file to point at."""
    parser.add_argument(
        "--format",
        type=Format,
        choices=(Format.TEXT, Format.JSON),
        default=Format.TEXT,
        help="text for people, json for programs (default: text)",
    )


def console(out: TextIO | None = None) -> Console:
    """Colour where a person looks, plain text elsewhere; long lines stay whole, to be copied and searched."""
    from rich.console import Console  # noqa: PLC0415 - rich takes 2 MB, and a gateway that serves shows nothing

    return Console(file=out or sys.stdout, highlight=False, soft_wrap=True, emoji=False)


def as_json(value: Mapping[str, Any], out: TextIO | None = None) -> None:
    (out or sys.stdout).write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def place(problem: Problem, directory: Path) -> str:
    """`directory/file:line:column`, as editors and terminals open it; empty where a problem has no place."""
    if problem.span is None:
        return ""
    return f"{path(problem.span.file, directory)}:{problem.span.line}:{problem.span.column}"


def path(file: str, directory: Path) -> str:
    """A policy file's name as it is opened from here; what is not of the directory (a shipped pack) keeps its name."""
    here = directory / file
    return os.path.normpath(here) if here.exists() else file


def _escaped(text: str) -> str:
    from rich.markup import escape  # noqa: PLC0415 - as above

    return escape(text)


def problems(found: Iterable[Problem], directory: Path, out: Console) -> None:
    """Each problem with its place, the line it is on, and what to do."""
    for problem in found:
        colour = "red" if problem.severity is Severity.ERROR else "yellow"
        where = place(problem, directory)
        head = f"[bold]{_escaped(where)}[/] " if where else ""
        out.print(f"{head}[{colour}]{problem.severity.value}[/] [dim]{problem.code}[/]")
        out.print(f"  {_escaped(problem.message)}")
        _excerpt(problem, colour, out)
        if problem.hint:
            out.print(f"  [cyan]hint:[/] {_escaped(problem.hint)}")
        out.print()


def _excerpt(problem: Problem, colour: str, out: Console) -> None:
    span = problem.span
    if span is None or not problem.excerpt:
        return
    number = str(span.line)
    end = span.end_column if span.end_line == span.line else len(problem.excerpt) + 1
    blank = "".join(c if c == "\t" else " " for c in problem.excerpt[: span.column - 1])
    out.print(f"  [dim]{number} |[/] {_escaped(problem.excerpt)}")
    out.print(f"  [dim]{' ' * len(number)} |[/] {blank}[{colour}]{'^' * max(1, end - span.column)}[/]")


def github(found: Iterable[Problem], directory: Path, out: TextIO | None = None) -> None:
    """One workflow command a problem: shown by GitHub at the line of the pull request."""
    for problem in found:
        fields = {"title": problem.code}
        if span := problem.span:
            fields = {
                "file": path(span.file, directory),
                "line": str(span.line),
                "endLine": str(span.end_line),
                "col": str(span.column),
                "endColumn": str(span.end_column),
                **fields,
            }
        listed = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
        message = problem.message + (f"\n{problem.hint}" if problem.hint else "")
        (out or sys.stdout).write(f"::{problem.severity.value} {listed}::{_data(message)}\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def refused(error: PolicyErrors, directory: Path, format: Format) -> None:
    """A policy that cannot be used, where a command needed one."""
    match format:
        case Format.JSON:
            as_json({"ok": False, "revision": None, "problems": [problem.as_json() for problem in error.problems]})
        case Format.GITHUB:
            github(error.problems, directory)
        case _:
            problems(error.problems, directory, console())


def complain(message: str) -> None:
    """One line on standard error."""
    console(sys.stderr).print(f"policyroute: {_escaped(message)}")
