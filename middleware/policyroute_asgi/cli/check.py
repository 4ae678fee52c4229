"""`policyroute check`: everything that is wrong with a directory, at once.

Rule of this module: it says exactly what a reload would say. Only missing keys weigh less: they are missing here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from policyroute.author.load import load
from policyroute.problems import PolicyErrors, Problem, errors, ordered
from policyroute_asgi import secrets
from policyroute_asgi.cli import FINDINGS, GOOD, render, secrets_option
from policyroute_asgi.cli.render import Format, counted

EXAMPLE = """  policyroute check policies/
  policyroute check policies/ --strict --format github    # annotations in a pull request"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="the policy directory, or one file")
    parser.add_argument("--strict", action="store_true", help="warnings are findings too")
    secrets_option(parser)
    render.format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.directory
    revision, problems = examine(directory, arguments.secrets_dir)
    wrong = problems if arguments.strict else errors(problems)
    match arguments.format:
        case Format.JSON:
            found = [problem.as_json() for problem in problems]
            render.as_json({"ok": not wrong, "revision": revision, "problems": found})
        case Format.GITHUB:
            render.github(problems, directory)
        case _:
            _text(revision, problems, directory)
    return FINDINGS if wrong else GOOD


def examine(directory: Path, secrets_dir: Path | None = None) -> tuple[str | None, tuple[Problem, ...]]:
    """(revision, None where there is none; errors and warnings)."""
    try:
        program = load(directory).program
    except PolicyErrors as error:
        return None, error.problems
    missing = secrets.missing_here(program, directory, secrets_dir)
    return program.revision, ordered((*program.warnings, *missing))


def _text(revision: str | None, problems: tuple[Problem, ...], directory: Path) -> None:
    out = render.console()
    render.problems(problems, directory, out)
    bad = len(errors(problems))
    sum_up = f"{counted(bad, 'error')}, {counted(len(problems) - bad, 'warning')}"
    if revision is None:
        out.print(f"[red]not usable:[/] {sum_up}")
    else:
        out.print(f"[green]usable:[/] {sum_up}, revision {revision[:12]}")
