"""`policyroute probe`: the same edge cases to every target, and what has changed since the baseline."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from policyroute.author.load import load_untried
from policyroute.policy.model import Program, Target
from policyroute.policy.report import suggestion
from policyroute.problems import PolicyErrors, Problem, Severity
from policyroute_asgi import secrets
from policyroute_asgi.cli import FINDINGS, GOOD, MISUSE, render, secrets_option, whole
from policyroute_asgi.cli.render import Format
from policyroute_asgi.probe import suite as suites
from policyroute_asgi.probe.baseline import BadBaseline, Baseline
from policyroute_asgi.probe.run import Plan, Result, probe

EXAMPLE = """  policyroute probe --policies policies/ --baseline probe.json --save
  policyroute probe --policies policies/ --baseline probe.json --target mini --times 3
  policyroute probe --policies policies/ --baseline probe.json --recordings recorded/ --format github"""


class _Misuse(Exception):
    """What was asked cannot be meant."""


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--policies", type=Path, required=True, metavar="DIR", help="the policy directory, or one file")
    add("--target", action="append", default=[], metavar="NAME", help="only this target; may be repeated")
    add("--suite", type=Path, metavar="FILE", help="the cases (default: those that are shipped)")
    add("--baseline", type=Path, metavar="FILE", help="what was seen last time: exit 1 on what is otherwise now")
    add("--save", action="store_true", help="write what is seen to the baseline, and take it as good")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--recordings", type=Path, metavar="DIR", help="answer from recordings: no network, no keys")
    ways.add_argument("--record", type=Path, metavar="DIR", help="keep each answer as a file")
    add("--times", type=whole(1, 100), default=1, metavar="N", help="ask each case so often (default: 1)")
    add("--show", action="store_true", help="show what was answered; without it no text is")
    secrets_option(parser)
    render.format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    policies: Path = arguments.policies
    try:
        baseline = _baseline(arguments.baseline, save=arguments.save)
        suite = _suite(arguments.suite)
        policy = load_untried(policies)
        targets = _targets(policy.program, arguments.target)
    except _Misuse as error:
        render.complain(str(error))
        return MISUSE
    except PolicyErrors as error:
        render.refused(error, policies, arguments.format)
        return FINDINGS
    found, missing = secrets.resolve(
        policy.program, secrets.folder(policies, arguments.secrets_dir), os.environ, Severity.WARNING
    )
    lacking = _lacking(policy.program, found, missing)
    plan = Plan(suite, found, lacking, baseline, arguments.times, arguments.recordings, arguments.record)
    try:
        results = asyncio.run(probe(targets, plan))
    except OSError as error:
        render.complain(f"a recording cannot be written: {error.strerror}")
        return FINDINGS
    return _finish(results, baseline, arguments)


def _finish(results: Sequence[Result], baseline: Baseline, arguments: argparse.Namespace) -> int:
    asked = [result for result in results if not result.skipped]
    good = all(result.good for result in asked)
    if arguments.save:
        baseline.entries.update({result.place: result.entry for result in asked if result.measured})
        try:
            baseline.save(arguments.baseline)
        except OSError as error:
            render.complain(f"`{arguments.baseline}` cannot be written: {error.strerror}")
            return FINDINGS
        good = all(result.measured for result in asked)
    good = good and bool(asked)
    _tell(results, good, arguments)
    if not asked:
        render.complain("nothing was asked: every case was skipped")
    return GOOD if good else FINDINGS


def _baseline(path: Path | None, *, save: bool) -> Baseline:
    if path is None:
        if save:
            raise _Misuse("--save needs --baseline FILE, to know where")
        return Baseline()
    if save and not path.exists():
        return Baseline()
    try:
        return Baseline.load(path)
    except FileNotFoundError:
        raise _Misuse(f"there is no baseline `{path}`: make it with --save") from None
    except OSError as error:
        raise _Misuse(f"`{path}` cannot be read: {error.strerror}") from None
    except BadBaseline as error:
        raise _Misuse(f"`{path}` cannot be used: {error}") from None


def _suite(path: Path | None) -> suites.Suite:
    try:
        return suites.load(path)
    except OSError as error:
        raise _Misuse(f"the suite `{path}` cannot be read: {error.strerror}") from None


def _targets(program: Program, names: Sequence[str]) -> list[Target]:
    for name in names:
        if name not in program.targets:
            raise _Misuse(f"no target is called `{name}`: {suggestion(name, program.targets) or 'there is none'}")
    return [target for name, target in program.targets.items() if not names or name in names]


def _lacking(program: Program, found: secrets.Secrets, missing: Sequence[Problem]) -> Mapping[str, str]:
    """Why a provider cannot be asked, by its name. Of several keys one is enough."""
    lacking: dict[str, str] = {}
    for name, provider in program.providers.items():
        theirs = [each for each in missing if (each.path or "").startswith(f"providers.{name}.")]
        keys = [each for each in theirs if (each.path or "").startswith(f"providers.{name}.api_key")]
        if provider.client_key:
            lacking[name] = "its key is the caller's own, and there is no caller"
        elif len(keys) < len(theirs) or (keys and name not in found.keys):
            lacking[name] = theirs[0].message
    return lacking


# What is shown -------------------------------------------------------------------------------------------------------


def _tell(results: Sequence[Result], good: bool, arguments: argparse.Namespace) -> None:
    match arguments.format:
        case Format.JSON:
            shown = [_json(result, show=arguments.show) for result in results]
            render.as_json({"ok": good, "saved": arguments.save, "results": shown})
        case Format.GITHUB:
            render.github(_problems(results), arguments.policies)
        case _:
            _text(results, arguments, render.console())


def _json(result: Result, *, show: bool) -> dict[str, object]:
    return {**result.as_json(), "texts": list(result.texts)} if show else result.as_json()


def _problems(results: Sequence[Result]) -> list[Problem]:
    found: list[Problem] = []
    for (target, provider), theirs in _places(results):
        where = f"{target} ({provider})"
        for case, why in _skipped(theirs):
            found.append(Problem("probe-skipped", f"{case} at {where}: {why}", severity=Severity.WARNING))
        for result in theirs:
            found += [Problem("probe-drift", f"case `{result.case}` at {where}: {line}") for line in _lines(result)]
    return found


def _places(results: Iterable[Result]) -> list[tuple[tuple[str, str], list[Result]]]:
    return [(place, list(theirs)) for place, theirs in groupby(results, lambda each: each.place[:2])]


def _skipped(theirs: Sequence[Result]) -> list[tuple[str, str]]:
    """Which cases at one place were not asked, and why: once, where it is the same for all of them."""
    reasons = {result.skipped for result in theirs}
    if len(reasons) == 1:
        return [("every case", why) for why in reasons if why]
    return [(f"case `{result.case}`", result.skipped) for result in theirs if result.skipped]


def _lines(result: Result) -> list[str]:
    """What is wrong with a result, a line each."""
    if result.good:
        return []
    if result.drift:
        return [f"{each.what} was {_word(each.was)}, is {_word(each.now)}" for each in result.drift]
    return list(result.entry["unmet"])


def _word(value: object) -> str:
    return "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _text(results: Sequence[Result], arguments: argparse.Namespace, out: Console) -> None:
    for (target, provider), theirs in _places(results):
        out.print(f"[bold]{escape(target)}[/] at {escape(provider)}")
        for case, why in _skipped(theirs):
            out.print(f"  [yellow]skip[/] {escape(case)}: {escape(why)}")
        for result in theirs:
            if not result.skipped:
                _one(result, arguments.show, out)
    _table([result for result in results if result.drift], out)
    asked = [result for result in results if not result.skipped]
    bad = sum(not result.good for result in asked)
    out.print(f"{len(asked) - bad} as they should be, {bad} not, {len(results) - len(asked)} skipped")
    if arguments.save:
        out.print(f"saved to {escape(str(arguments.baseline))}")


def _one(result: Result, show: bool, out: Console) -> None:
    mark = "[green]ok  [/]" if result.good else "[red]BAD [/]"
    entry = result.entry
    first = f"first {entry['ttft_ms']:g} ms, " if entry["ttft_ms"] is not None else ""
    out.print(f"  {mark} {escape(result.case)} [dim]{first}total {entry['total_ms']:g} ms[/]")
    for line in _lines(result) if not result.drift else ():
        out.print(f"       [red]{escape(line)}[/]")
    for text in result.texts if show else ():
        out.print(f"       [dim]{escape(text)}[/]")


def _table(results: Sequence[Result], out: Console) -> None:
    """What has drifted: case, target, what was, what is."""
    rows = [("case", "target", "what", "was", "is")] if results else []
    for result in results:
        place = f"{result.target} ({result.provider})"
        rows += [(result.case, place, each.what, _word(each.was), _word(each.now)) for each in result.drift]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        out.print(escape("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()))
