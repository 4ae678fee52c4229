"""`policyroute explain --boundary`: what would cross to each candidate, in words.

Rule of this module: kinds, places and sizes. What a request says is shown where the author asks for it, and nowhere
else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape

from policyroute.author.boundary import BoundaryTrace, HopTrace, Told
from policyroute.decide.decision import Excluded
from policyroute.exchange.verdict import NOT_FOR_ANY
from policyroute.scrub import Cut
from policyroute.scrub.outcome import shown


def boundary_json(crossings: BoundaryTrace, *, text: bool) -> dict[str, Any]:
    """With `text`, each hop has the `body` that it would be sent."""
    said = crossings.as_json()
    if text:
        for each, hop in zip(said["hops"], crossings.hops, strict=True):
            each["body"] = orjson.loads(hop.told.body) if hop.told else None
    return said


def boundary(crossings: BoundaryTrace, out: Console, *, text: bool) -> None:
    out.print("\n[bold]what would cross[/]")
    for place, hop in enumerate(crossings.hops, 1):
        _hop(place, hop, out)
        if hop.told and text:
            out.print("      [cyan]the body[/]")
            for line in _legible(hop.told.body):
                out.print(f"        {escape(line)}")
    if not crossings.hops:
        out.print("  nothing: nobody is asked")
    else:
        out.print(_left(crossings))


def passed_over(reason: Excluded) -> str:
    """Why a candidate is not asked, in rich's markup."""
    by = f" by rule {reason.rule}" if reason.rule else ""
    return f"[red]passed over[/] ({escape(reason.code + by)}): {escape(reason.detail)}"


def _hop(place: int, hop: HopTrace, out: Console) -> None:
    provider = hop.candidate.provider
    where = ", ".join(filter(None, (provider.region, provider.clearance.label)))
    way = "it crosses" if hop.crosses else "it begins here" if hop.told else "nobody has it so far"
    reached = "" if hop.reached else "; [yellow]the limits of `fallback` end before it[/]"
    who = f"[bold]{escape(hop.candidate.target)}[/] at {escape(provider.name)} ({escape(where)})"
    out.print(f"  {place:>2}. {who}: {way}{reached}")
    for what, rules in (("scrubbed", hop.scrubs), ("redacted", hop.redactions)):
        if rules:
            out.print(f"      [cyan]{what}[/] by {escape(', '.join(f'{rule} ({how})' for rule, how in rules))}")
    if hop.refusal:
        out.print(f"      {passed_over(hop.refusal)}")
    if hop.told:
        for line in _told(hop.told):
            out.print(f"      {line}")


def _told(told: Told) -> Iterator[str]:
    before, after = told.before, told.after
    yield f"[cyan]kept[/] {_from_to(before.total, after.total)} bytes of text: {_sizes(before.by_role, after.by_role)}"
    yield f"  by label: {_sizes(before.by_label, after.by_label)}"
    if tags := before.total - after.total - sum(cut.bytes_in - cut.bytes_out for cut in told.cuts):
        yield f"[yellow]dropped[/] {tags:,} bytes: tags, and blanks around what is gone"
    yield from _cuts(told.cuts)
    if told.assertions:
        yield f"[cyan]asserted[/] {escape(', '.join(told.assertions))}"
    if told.found:
        yield f"[cyan]found[/] {escape(', '.join(f'{kind} {count}' for kind, count in told.found.items()))}"
    for what, changes in (("normalised", told.normalised), ("adapted", told.adapted)):
        if said := ", ".join(dict.fromkeys(map(str, changes))):
            yield f"[yellow]{what}[/] {escape(said)}"
    yield f"[cyan]sent[/] a body of {len(told.body):,} bytes"


def _cuts(cuts: Iterable[Cut]) -> Iterator[str]:
    """Those of a kind are one line."""
    for (action, selector, label, role, kind), some in groupby(sorted(cuts, key=_kind), _kind):
        alike = list(some)
        size, instead = sum(cut.bytes_in for cut in alike), sum(cut.bytes_out for cut in alike)
        by = f" by {instead:,}" if instead else ""
        more = f" and {len(alike) - 1} more" if len(alike) > 1 else ""
        what = f"{label} {kind.replace('_', ' ')} of {role} at {shown(alike[0].path)}{more}"
        yield f"[yellow]{action}[/] {size:,} bytes{by}: {escape(what)}, by {escape(selector or 'its profile')}"


def _kind(cut: Cut) -> tuple[str, str, str, str, str]:
    return cut.action, cut.selector, cut.label.label, cut.role, cut.kind


def _sizes(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    names = dict.fromkeys((*before, *after))
    return ", ".join(f"{name} {_from_to(before.get(name, 0), after.get(name, 0))}" for name in names) or "none"


def _from_to(before: int, after: int) -> str:
    return f"{after:,}" if before == after else f"{after:,} of {before:,}"


def _left(crossings: BoundaryTrace) -> str:
    home, left = crossings.home, crossings.left
    if home is None:
        return f"  [red]nobody may be told what it says[/]: the client gets 403 {NOT_FOR_ANY}"
    first = escape(home.candidate.target)
    if not left:
        return f"  [red]nobody is left[/] if {first} fails: the client gets its failure"
    return f"  if {first} fails, [green]{escape(', then '.join(hop.candidate.target for hop in left))}[/] can be told"


def _legible(body: bytes) -> list[str]:
    """Nothing in it does anything to a terminal."""
    text = json.dumps(orjson.loads(body), indent=2, ensure_ascii=False)
    return [
        "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in line) for line in text.splitlines()
    ]
