"""`policyroute explain`: every rule, condition and candidate of one decision, and why.

Rule of this module: it shows what the author gave and what the policy says; it sends nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from secrets import token_bytes
from typing import Any

import orjson
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from policyroute.author.answers import answer_of
from policyroute.author.boundary import BoundaryTrace, HopTrace, crossings
from policyroute.author.conversations import Held, held
from policyroute.author.load import load_untried
from policyroute.author.observed import state_of
from policyroute.author.trial import client_of, given_client, request_of
from policyroute.changes import Change
from policyroute.decide.decision import Decision
from policyroute.decide.judging import Verdict
from policyroute.decide.trace import CandidateTrace, PartTrace, RuleTrace, Trace, trace
from policyroute.exchange.redacting import Secrecy
from policyroute.policy.cases import Given
from policyroute.policy.model import Target
from policyroute.policy.report import suggestion
from policyroute.problems import PolicyErrors
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.request import BadRequest
from policyroute_asgi.cli import FINDINGS, GOOD, MISUSE, render
from policyroute_asgi.cli.boundary import boundary, boundary_json, passed_over
from policyroute_asgi.cli.conversation import circle_words, held_json, held_words
from policyroute_asgi.cli.known import known_json, known_words
from policyroute_asgi.cli.render import Format

EXAMPLE = """  policyroute explain request.json --policies policies/ --client ci -H 'X-Router-Profile: AGENT'
  echo '{"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}' |
    policyroute explain - --policies policies/
  echo '{"request": {"input_tokens": 90000}, "client": {"tier": "free"}}' |
    policyroute explain - --policies policies/ --format json
  policyroute explain request.json --policies policies/ --boundary"""

_MARKS = {
    "matched": "[green]yes[/]",
    "true": "[green]yes[/]",
    "not matched": "[dim]no [/]",
    "false": "[dim]no [/]",
    "off": "[dim]off[/]",
    "open": "[yellow] ? [/]",
    "error": "[red]err[/]",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "request",
        metavar="REQUEST.json",
        help="a request's body, or what a test has under `given:`; - reads standard input",
    )
    parser.add_argument("--policies", type=Path, required=True, metavar="DIR", help="the policy directory")
    parser.add_argument(
        "-H", "--header", action="append", default=[], metavar="NAME: VALUE", help="a request header; may be repeated"
    )
    parser.add_argument(
        "--client", metavar="NAME", help="who calls: a client of the policy, with all that is granted to it"
    )
    parser.add_argument(
        "--boundary",
        action="store_true",
        help="show what of the request would cross to each candidate, as if those before it had failed: sizes, what is"
        " taken out by which rule, what is found; no text",
    )
    parser.add_argument(
        "--show-text",
        action="store_true",
        help="the same, with the whole prompt that each would be sent: it shows what the request says",
    )
    render.plain_format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        given = _given(_text(arguments.request), arguments.header)
    except (OSError, ValueError) as error:
        render.complain(f"cannot explain {arguments.request}: {_reason(error)}")
        return MISUSE
    try:
        policy = load_untried(arguments.policies)
    except PolicyErrors as error:
        render.refused(error, arguments.policies, arguments.format)
        return FINDINGS
    if arguments.client is not None:
        known = policy.program.clients.get(arguments.client)
        if known is None:
            hint = suggestion(arguments.client, policy.program.clients) or "the policy has none"
            render.complain(f"no client is called `{arguments.client}`: {hint}")
            return FINDINGS
        given = given.model_copy(update={"client": given_client(known)})
    state, client = state_of(policy.program, given), client_of(given)
    try:
        kept = held(policy, given, request_of(given, policy.program.profiles), state, client)
    except (BadRequest, ValueError) as error:
        render.complain(f"no gateway would take this request: {error}")
        return FINDINGS
    request, session, labels = kept.request, kept.session, kept.labels
    decision = policy.decide(request, state, request.time, client=client, session=session, session_labels=labels)
    answer = answer_of(given, policy.program.refusals, request, decision)
    traced = trace(policy, request, state, request.time, client, answer=answer, session=session, session_labels=labels)
    secrecy = Secrecy(token_bytes(32), None, Pseudonyms(token_bytes(32)))
    crossed = crossings(policy, request, traced.decision, state, secrecy)
    text, beyond = arguments.show_text, arguments.boundary or arguments.show_text
    if arguments.format is Format.JSON:
        more = {"boundary": boundary_json(crossed, text=text)} if beyond else {}
        render.as_json(_as_json(traced, crossed, policy.program.targets) | {"session": held_json(kept)} | more)
    else:
        out = render.console()
        _show(traced, crossed, policy.program.targets, kept, out)
        if beyond:
            boundary(crossed, out, text=text)
    return GOOD


def _as_json(traced: Trace, crossed: BoundaryTrace, targets: Mapping[str, Target]) -> dict[str, Any]:
    shown = traced.as_json()
    for each in shown["candidates"]:
        hop = crossed.at(each["target"], each["provider"])
        each["adapted"] = [change.as_json() for change in _changes(hop)]
        each["refusal"] = hop.refusal.as_json() if hop and hop.refusal else None
        each["known"] = known_json(targets[each["target"]])
    return shown


def _changes(hop: HopTrace | None) -> tuple[Change, ...]:
    """What a candidate would be told otherwise than the client says it."""
    return (*hop.told.normalised, *hop.told.adapted) if hop and hop.told else ()


def _text(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _given(text: bytes, headers: Iterable[str]) -> Given:
    """Raises ValueError for what is no request."""
    data = orjson.loads(text)
    if not isinstance(data, dict):
        raise ValueError("it is not a JSON object")
    given = Given.model_validate(data if data.keys() <= Given.model_fields.keys() else {"request": {"body": data}})
    added = dict(_header(each) for each in headers)
    return given.model_copy(
        update={"request": given.request.model_copy(update={"headers": {**(given.request.headers or {}), **added}})}
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"a header is written `Name: value`, not `{text}`")
    return name.strip().lower(), value.strip()


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        said = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
        return f"`{'.'.join(map(str, first['loc']))}`: {said}"
    return str(error)


# What is shown -------------------------------------------------------------------------------------------------------


def _show(traced: Trace, crossed: BoundaryTrace, targets: Mapping[str, Target], kept: Held, out: Console) -> None:
    _outcome(traced.decision, crossed, out)
    for line in (*held_words(kept, traced.decision), *circle_words(traced.decision)):
        out.print(escape(line))
    _verdict(traced.verdict, out)
    out.print("\n[bold]rules[/]")
    for rule in traced.rules:
        _rule(rule, out)
    if not traced.rules:
        out.print("  none")
    out.print("\n[bold]candidates[/]")
    for candidate in traced.candidates:
        _candidate(candidate, crossed.at(candidate.target, candidate.provider), out)
        for line in known_words(targets[candidate.target]):
            out.print(f"      [dim]{escape(line)}[/]")
    if not traced.candidates:
        out.print("  none")
    if traced.unnamed:
        out.print(f"  [dim]not named by the route: {escape(', '.join(traced.unnamed))}[/]")


def _outcome(decision: Decision, crossed: BoundaryTrace, out: Console) -> None:
    if denied := decision.denied:
        by = f" by rule {denied.rule}" if denied.rule else ""
        out.print(f"[red]denied[/] {denied.status} {escape(denied.code)}{escape(by)}: {escape(denied.message)}")
    else:
        order = ", then ".join(hop.candidate.target for hop in crossed.hops if hop.told)
        out.print(
            f"[green]goes to[/] [bold]{escape(order)}[/]" if order else "[red]goes to nobody[/]: all are passed over"
        )
    out.print(f"routed by {escape(decision.route_rule)}; applied: {escape(', '.join(decision.fired) or 'none')}")
    if decision.shadow:
        out.print(f"in shadow: {escape(', '.join(decision.shadow))}")
    limits, fallback = decision.limits, decision.fallback
    out.print(
        f"[dim]connect {limits.connect:g}s, ttft {limits.ttft:g}s, idle {limits.idle:g}s, total {limits.total:g}s;"
        f" retries {fallback.retries}, swaps {fallback.max_swaps}, attempts {fallback.max_attempts};"
        f" an answer that breaks off: {fallback.mid_stream}[/]"
    )
    hold, expected = decision.hold, decision.expected
    if hold.tools or hold.schema:
        held = " and ".join(
            name for name, on in (("tool calls", hold.tools), ("answers by a schema", hold.schema)) if on
        )
        out.print(f"held until they are whole: {held}")
    if expected is not None:
        out.print(f"answers have to fit {escape(expected.file)} ({escape(expected.rule)})")
    for error in decision.errors:
        out.print(
            f"[red]{escape(error.rule)}[/]: {escape(error.effect)} erred ({escape(error.reason)}), {error.consequence}"
        )


def _verdict(verdict: Verdict, out: Console) -> None:
    if denied := verdict.denied:
        by = f" by rule {denied.rule}" if denied.rule else ""
        out.print(f"[red]answer denied[/] {denied.status} {escape(denied.code)}{escape(by)}: {escape(denied.message)}")
    if verdict.fired:
        out.print(f"applied to the answer: {escape(', '.join(verdict.fired))}")


def _rule(rule: RuleTrace, out: Console) -> None:
    marks = [*([rule.mode] if rule.mode != "enforce" else []), *(["response"] if rule.phase == "response" else [])]
    mode = f" ({', '.join(marks)})" if marks else ""
    out.print(f"  {_MARKS[rule.result]} [bold]{escape(rule.id)}[/]{mode} [dim]{escape(rule.at)}[/]")
    for part in rule.parts:
        _part(part, out)


def _candidate(candidate: CandidateTrace, hop: HopTrace | None, out: Console) -> None:
    place = "[red]out[/]" if candidate.place is None else f"{candidate.place:>2}."
    out.print(f"  {place} [bold]{escape(candidate.target)}[/] at {escape(candidate.provider)}: {escape(candidate.why)}")
    for rule, part in candidate.constraints:
        _part(part, out, f" [dim]({escape(rule)})[/]")
    for what, rules in (
        ("redacted before it is asked", candidate.redactions),
        ("scrubbed before it is asked", candidate.scrubs),
        ("its answer redacted", candidate.censors),
    ):
        if rules:
            out.print(f"      [cyan]{what}[/] by {escape(', '.join(rules))}")
    if hop and hop.refusal:
        out.print(f"      {passed_over(hop.refusal)}")
    if said := ", ".join(dict.fromkeys(map(str, _changes(hop)))):
        out.print(f"      [yellow]adapted[/] {escape(said)}")


def _part(part: PartTrace, out: Console, source: str = "") -> None:
    value = "" if part.value is None else f" [dim]it is {escape(_value(part.value))}[/]"
    reason = f" [red]{escape(part.reason)}[/]" if part.reason else ""
    out.print(f"      {_MARKS[part.result]} {escape(' '.join(part.text.split()))}{value}{reason}{source}")


def _value(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
