"""`policyroute audit show`: what of a conversation went to whom, attempt by attempt."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from policyroute.audit import AuditRecord, Cut
from policyroute_asgi.audit import stored
from policyroute_asgi.audit.sink import TROUBLE
from policyroute_asgi.audit.stored import Stored
from policyroute_asgi.cli import FINDINGS, GOOD, MISUSE, render
from policyroute_asgi.cli.audit import place
from policyroute_asgi.cli.audit.place import Misplaced
from policyroute_asgi.cli.render import Format

SUMMARY = "show what of a conversation went to whom"
EXAMPLE = """  policyroute audit show 7c1e-42 --tenant acme --state-dir /var/lib/policyroute
  policyroute audit show 7c1e-42 --audit /srv/audit --key-env AUDIT_KEY --format json"""

_HEADINGS = ("when", "request", "try", "from", "to", "why", "sent", "decision")
_WHEN = {"first": "", "before_first_byte": "before the first byte", "mid_stream": "in mid-stream"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("conversation", metavar="CONVERSATION", help="what the client sends as X-Conversation-ID")
    parser.add_argument("--tenant", metavar="TENANT", help="whose conversation (default: that of any)")
    place.options(parser)
    render.plain_format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        where = place.of(arguments)
        if not where.keys:
            raise Misplaced("records name no conversation: to find one takes their key (--key-file, --key-env)")
    except Misplaced as error:
        render.complain(str(error))
        return MISUSE
    try:
        found = [*stored.of_conversation(where.directory, arguments.conversation, arguments.tenant, where.keys)]
    except TROUBLE as error:
        render.complain(f"cannot read the records: {error}")
        return FINDINGS
    found.sort(key=lambda each: (each.record.time, each.record.attempt))
    if arguments.format is Format.JSON:
        render.as_json({"records": [_json(each) for each in found]})
    else:
        _text(found, render.console())
    if not found:
        render.complain("there is no record of this conversation under the keys that are here")
    return GOOD if found else FINDINGS


def _json(found: Stored) -> dict[str, object]:
    return {"chain": found.entry.chain, "n": found.entry.n, "place": found.place, **found.record.as_json()}


def _text(found: Sequence[Stored], out: Console) -> None:
    records = [each.record for each in found]
    for tenant in dict.fromkeys(record.tenant for record in records):
        own = [record for record in records if record.tenant == tenant]
        crossed = render.counted(sum(record.boundary for record in own), "time")
        attempts = render.counted(len(own), "attempt")
        out.print(f"[bold]{escape(tenant)}[/]: {attempts}, a boundary crossed (*) {crossed}\n")
        _table(own, out)
        out.print("\nsent to each in all, in bytes")
        for provider, labels in own[-1].exposure.items():
            name, clearance, region = (*provider.split("/", 2), "", "")[:3]
            out.print(f"  {escape(_account(name, region, clearance))}: {escape(_counts(labels))}")
        out.print()


def _table(records: Sequence[AuditRecord], out: Console) -> None:
    rows = [_HEADINGS, *map(_cells, records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for number, row in enumerate(rows):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        out.print(f"[dim]{line}[/]" if not number else escape(line))
        for detail in _details(records[number - 1]) if number else ():
            out.print(f"    [yellow]{escape(detail)}[/]")


def _cells(record: AuditRecord) -> tuple[str, ...]:
    holder, to, cause = record.sender, record.to, record.cause
    why = f"{cause.kind}{f' {cause.status}' if cause.status else ''}" if cause is not None else ""
    return (
        datetime.fromtimestamp(record.time, UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        record.request_id,
        str(record.attempt),
        _account(holder.provider, holder.region, holder.clearance) if holder is not None else "-",
        f"{to.target} at {_account(to.provider, to.region, to.clearance)}" + (" *" if record.boundary else ""),
        " ".join(part for part in (why, _WHEN[record.phase]) if part) or "-",
        _sent(record),
        record.decision + (f" ({record.refusal})" if record.refusal else ""),
    )


def _account(provider: str, region: str, clearance: str) -> str:
    said = ", ".join(filter(None, (region, clearance)))
    return f"{provider} ({said})" if said else provider


def _sent(record: AuditRecord) -> str:
    if record.decision != "forwarded":
        return "nothing"
    body = "" if record.wire_bytes is None else f", in a body of {record.wire_bytes}"
    return f"{record.after.bytes} of {record.before.bytes} bytes{body}"


def _details(record: AuditRecord) -> Iterator[str]:
    yield from map(_cut, record.cuts)
    if record.redactions:
        yield f"found and replaced: {_counts(record.redactions)}"
    if record.secrets:
        yield f"secrets found: {_counts(record.secrets)}"
    if record.pseudonyms:
        yield f"pseudonyms: {record.pseudonyms}"
    if failed := [assertion.name for assertion in record.assertions if not assertion.ok]:
        yield f"assertions that do not hold: {', '.join(failed)}"


def _cut(cut: Cut) -> str:
    size = f"{cut.bytes_in} bytes" if not cut.bytes_out else f"{cut.bytes_in} bytes to {cut.bytes_out}"
    return f"{cut.action}: {cut.kind}, {cut.label}, {size} ({cut.rule})"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
