"""`policyroute report`: what the request log says of providers, targets, profiles and hours.

Rule of this package: lines are read one by one, and forgotten.
"""

from __future__ import annotations

import argparse
import sys

from policyroute.report import DIMENSIONS, Dimension, Figures, judged
from policyroute_asgi.cli import GOOD, MISUSE, render
from policyroute_asgi.cli.report import lines, tables, times
from policyroute_asgi.cli.report.lines import Seen

EXAMPLE = """  policyroute report /var/log/policyroute.jsonl
  policyroute report requests.jsonl requests.jsonl.1.gz --by hour,provider --since 24h
  journalctl -u policyroute -o cat | policyroute report - --by profile --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "logs", metavar="LOG", nargs="+", help="what `serve --log` wrote, gzip too; - for standard input"
    )
    parser.add_argument(
        "--by",
        type=_dimensions,
        action="extend",
        metavar="WHAT",
        help="a row for each provider, target, profile, hour (UTC), or several with commas (default: target,provider)",
    )
    parser.add_argument(
        "--since",
        type=times.moment,
        metavar="TIME",
        help="only requests that were over then or later: 2026-03-01, 2026-03-01T12:00:00Z, or 24h for that long ago",
    )
    parser.add_argument("--until", type=times.moment, metavar="TIME", help="only those that were over before")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace) -> int:
    dimensions: tuple[Dimension, ...] = tuple(dict.fromkeys(arguments.by or ("target", "provider")))
    figures, seen = Figures(), Seen()
    for log in arguments.logs:
        try:
            lines.gather(log, figures, seen, arguments.since, arguments.until)
        except (OSError, EOFError) as error:
            render.complain(f"{log} cannot be read: {getattr(error, 'strerror', None) or error}")
            return MISUSE
    if arguments.json:
        render.as_json(_json(figures, seen, dimensions))
        return GOOD
    if not seen.requests:
        render.console().print("no requests found" + (f" in {seen.all:,} lines" if seen.all else ""))
    else:
        tables.show(figures, dimensions, sys.stdout)
    if seen.unknown:
        render.console().print(f"{seen.unknown:,} of {seen.all:,} lines are no request's, and were skipped")
    return GOOD


def _json(figures: Figures, seen: Seen, dimensions: tuple[Dimension, ...]) -> dict[str, object]:
    rows = [
        {**dict(zip(dimensions, names, strict=True)), **cell.as_json()}
        for names, cell in figures.by(dimensions).items()
    ]
    read = {"lines": seen.all, "requests": seen.requests, "unknown_lines": seen.unknown}
    return {"by": list(dimensions), **read, "rows": rows, "second_provider": judged(figures).as_json()}


def _dimensions(text: str) -> list[Dimension]:
    named = text.split(",")
    found: list[Dimension] = [each for name in named for each in DIMENSIONS if each == name]
    if len(found) != len(named):
        raise argparse.ArgumentTypeError(f"{text!r}: use {', '.join(DIMENSIONS)}, with commas between")
    return found
