"""`policyroute audit verify`: whether the records are what was written."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from policyroute.audit import Finding, Head, Verified, heads_in, verify
from policyroute_asgi.audit import stored
from policyroute_asgi.audit.sink import TROUBLE
from policyroute_asgi.cli import FINDINGS, GOOD, MISUSE, render
from policyroute_asgi.cli.audit import place
from policyroute_asgi.cli.audit.place import Misplaced, Place
from policyroute_asgi.cli.render import Format

SUMMARY = "verify that no audit record was changed, removed, moved or cut off"
EXAMPLE = """  policyroute audit verify --state-dir /var/lib/policyroute
  journalctl -u policyroute | grep 'audit head' > heads.txt
  policyroute audit verify --state-dir /var/lib/policyroute --heads heads.txt"""


def configure(parser: argparse.ArgumentParser) -> None:
    place.options(parser)
    parser.add_argument(
        "--head",
        type=_head,
        action="append",
        default=[],
        metavar="CHAIN:N:HASH",
        help="a head that was exported, to be reached; may be repeated, and adds to those in the directory",
    )
    parser.add_argument("--heads", type=Path, metavar="FILE", help="all heads that stand in a file, such as a log")
    render.plain_format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        where = place.of(arguments)
        heads = [*arguments.head, *_logged(arguments.heads)]
    except Misplaced as error:
        render.complain(str(error))
        return MISUSE
    try:
        found = _verified(where, [*heads, *stored.heads(where.directory)])
    except TROUBLE as error:
        render.complain(f"cannot read the records: {error}")
        return FINDINGS
    good = bool(found) and all(each.good for each in found)
    if arguments.format is Format.JSON:
        render.as_json({"good": good, "chains": [each.as_json() for each in found]})
    else:
        _text(found, render.console())
    if not found:
        render.complain(f"{where.directory}: there are no records")
    return GOOD if good else FINDINGS


def _verified(where: Place, heads: list[Head]) -> list[Verified]:
    """Chains of which there is only a head are gone, and are said to be."""
    chains = {**{head.chain: () for head in heads}, **stored.chains(where.directory)}
    return [verify(chain, chains[chain], where.keys, heads) for chain in sorted(chains)]


def _logged(path: Path | None) -> list[Head]:
    """Raises Misplaced."""
    try:
        return heads_in(path.read_text("utf-8", "replace")) if path is not None else []
    except OSError as error:
        raise Misplaced(f"{path} cannot be read: {error.strerror}") from None


def _head(given: str) -> Head:
    try:
        return Head.of(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{given!r} is {error}") from None


def _text(found: list[Verified], out: Console) -> None:
    for each in found:
        judged = "[green]good[/]" if each.good else "[red]NOT GOOD[/]"
        counts = f"{render.counted(each.records, 'record')} in {each.entries} entries"
        out.print(f"[bold]{escape(each.chain)}[/] {judged}: {counts}, up to {escape(each.head or 'nothing')}")
        for finding in each.findings:
            if finding.grave:
                out.print(f"  [red]{finding.code.value}[/] {escape(_said(finding))}")
        if each.more:
            out.print(f"  and {each.more} more")
        for (code, message), count in Counter((e.code, e.message) for e in each.findings if not e.grave).items():
            times = f" ({count} times)" if count > 1 else ""
            out.print(f"  [dim]{code.value}[/] {escape(message)}{times}")


def _said(finding: Finding) -> str:
    number = "" if finding.n is None else f"entry {finding.n}"
    if finding.until not in (None, finding.n):
        number = f"entries {finding.n} to {finding.until}"
    where = ", ".join(part for part in (number, finding.place) if part)
    return f"{where}: {finding.message}" if where else finding.message
