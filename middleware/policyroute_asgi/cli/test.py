"""`policyroute test`: the tests that a policy directory carries, one by one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from policyroute.author.load import load_untried
from policyroute.author.trial import Outcome, failed
from policyroute.author.trial import run as run_tests
from policyroute.problems import PolicyErrors
from policyroute_asgi import secrets
from policyroute_asgi.cli import FINDINGS, GOOD, render, secrets_option
from policyroute_asgi.cli.render import Format

EXAMPLE = """  policyroute test policies/
  policyroute test policies/ --format json | jq '.tests[] | select(.passed | not)'"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="the policy directory, or one file")
    secrets_option(parser)
    render.format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.directory
    try:
        policy = load_untried(directory)
    except PolicyErrors as error:
        render.refused(error, directory, arguments.format)
        return FINDINGS
    missing = secrets.missing_here(policy.program, directory, arguments.secrets_dir)
    outcomes = run_tests(policy)
    passed = all(outcome.passed for outcome in outcomes)
    match arguments.format:
        case Format.JSON:
            tests = [outcome.as_json() for outcome in outcomes]
            found = [problem.as_json() for problem in missing]
            render.as_json({"ok": passed, "revision": policy.revision, "tests": tests, "problems": found})
        case Format.GITHUB:
            render.github((*missing, *failed(outcomes)), directory)
        case _:
            render.problems(missing, directory, render.console())
            _text(outcomes, directory)
    return GOOD if passed else FINDINGS


def _text(outcomes: Sequence[Outcome], directory: Path) -> None:
    out = render.console()
    for outcome in outcomes:
        _outcome(outcome, directory, out)
    bad = sum(not outcome.passed for outcome in outcomes)
    if not outcomes:
        out.print("no tests: write some under `tests:`, they run before every reload")
    else:
        out.print(f"{len(outcomes) - bad} passed, {bad} failed")


def _outcome(outcome: Outcome, directory: Path, out: Console) -> None:
    span = outcome.case.span
    mark = "[green]ok  [/]" if outcome.passed else "[red]FAIL[/]"
    out.print(
        f"{mark} {escape(outcome.case.spec.name)} [dim]{escape(render.path(span.file, directory))}:{span.line}[/]"
    )
    for failure in outcome.failures:
        out.print(f"     [red]{escape(failure)}[/]")
    if outcome.decision is None or outcome.passed:
        return
    decision = outcome.decision
    out.print(f"     decided by {escape(decision.route_rule)}; applied: {escape(', '.join(decision.fired) or 'none')}")
    for reason in decision.reasons:
        out.print(f"     {escape(reason)}")
