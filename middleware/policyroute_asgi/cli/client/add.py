"""`policyroute client add`: a new key, and the lines of policy by which the gateway knows it.

Rule of this module: it writes nothing. The key goes to standard output, once; the author pastes the lines.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape

from policyroute.author.load import load_untried
from policyroute.policy.complaints import brief
from policyroute.policy.document import ClientSpec
from policyroute.policy.grants import reached
from policyroute.policy.keyholders import Keyholder, Keyholders
from policyroute.policy.spelling import Name
from policyroute.problems import PolicyErrors
from policyroute_asgi import client_keys
from policyroute_asgi.cli import FINDINGS, GOOD, MISUSE, render, whole
from policyroute_asgi.cli.client import directory as place
from policyroute_asgi.cli.render import Format

SUMMARY = "make a key for a client, and print the lines to paste into the policy"
EXAMPLE = """  policyroute client add ci --team build --models 'gpt-*,mini' --rpm 600 --dir policies/
  policyroute client add ops --role operator --tag region=eu
  policyroute client add ci --rotate --dir policies/    # a second key, until the first is no longer used"""

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_ANYWHERE = "into a file of the policy directory, without its first line where that file has `clients:` already"
_LIMITS = ("rpm", "tpm", "concurrency")
_FACTS = ("tenant", "team", "tier", "role", "profiles", "models")
_OPTIONS = frozenset({*_LIMITS, *_FACTS})
_COUNT = whole(1, 1_000_000_000)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what rules, logs and metrics call it: client.id")
    parser.add_argument("--tenant", help="whose conversations and budgets it shares (default: its own name)")
    parser.add_argument("--team", help="client.team in rules")
    parser.add_argument("--tier", help="client.tier in rules")
    parser.add_argument("--tag", type=_tag, action="append", metavar="KEY=VALUE", help="client.tags; may be repeated")
    parser.add_argument("--role", choices=("user", "operator"), help="operators see the gateway's own endpoints")
    parser.add_argument("--profiles", type=_listed, metavar="A,B", help="the profiles it may use (default: all)")
    parser.add_argument("--models", type=_listed, metavar="A,B*", help="the targets it may use (default: all)")
    parser.add_argument("--rpm", type=_COUNT, metavar="N", help="requests a minute")
    parser.add_argument("--tpm", type=_COUNT, metavar="N", help="tokens a minute")
    parser.add_argument("--concurrency", type=_COUNT, metavar="N", help="requests at once")
    parser.add_argument("--dir", type=Path, metavar="DIR", help="the policy directory: NAME must be new to it")
    parser.add_argument("--rotate", action="store_true", help="a further key for a NAME that is in --dir already")
    render.plain_format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    facts = _facts(arguments)
    if wrong := _misuse(arguments, facts):
        render.complain(wrong)
        return MISUSE
    key = client_keys.new()
    digests = [client_keys.digest(key).hex()]
    where, known, inside = "", None, False
    if arguments.dir is not None:
        known = place.read(arguments.dir)
        if known is None:
            return FINDINGS
        there = known.named(arguments.name)
        if refusal := _refusal(arguments, there):
            render.complain(refusal)
            return FINDINGS
        digests = [digest for each in there for digest, _ in each.keys] + digests
        where = _where(there, known.files, arguments.dir)
        inside = bool(there or known.files)
        for warning in _unknown(facts, arguments.dir):
            render.complain(f"warning: {warning}")
    lines = _lines(arguments.name, {"key_sha256": digests[0] if len(digests) == 1 else digests, **facts})
    if arguments.format is Format.JSON:
        render.as_json({"client": arguments.name, "key": key, "key_sha256": digests[-1], "yaml": lines})
    else:
        # A second `clients:` in one file would be an error: who has one is shown what goes below it.
        _text(arguments, key, _below(lines, known) if known and inside else lines, where)
    return GOOD


def _facts(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given, as it is written in a policy."""
    limits = {name: getattr(arguments, name) for name in _LIMITS}
    facts = {name: getattr(arguments, name) for name in _FACTS}
    facts["tags"] = dict(arguments.tag) if arguments.tag else None
    facts["rate_limit"] = {name: value for name, value in limits.items() if value is not None} or None
    return {name: value for name, value in facts.items() if value is not None}


def _misuse(arguments: argparse.Namespace, facts: Mapping[str, Any]) -> str | None:
    if arguments.rotate and arguments.dir is None:
        return "`--rotate` needs `--dir`: the keys that there are stand in the policy"
    if arguments.rotate and facts:
        return f"`--rotate` changes the key and nothing else: leave --{next(iter(facts))} out"
    tags = [name for name, _ in arguments.tag or ()]
    if twice := next((name for name in tags if tags.count(name) > 1), None):
        return f"`--tag {twice}=` is given twice: a tag has one value"
    try:
        _NAME.validate_python(arguments.name)
        ClientSpec.model_validate(facts)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{_option(first['loc'])} cannot be that: {brief(first)}"
    return None


def _option(place: tuple[int | str, ...]) -> str:
    """What was given that stands at this place of a client's entry."""
    named = [f"`--{name}`" for name in place if name in _OPTIONS]
    return named[-1] if named else "`--tag`" if place else "NAME"


def _refusal(arguments: argparse.Namespace, there: tuple[Keyholder, ...]) -> str | None:
    if there and not arguments.rotate:
        at = place.place(there[0].span, arguments.dir)
        return f"`{arguments.name}` is a client already, at {at}: `--rotate` makes a further key for it"
    if arguments.rotate and not there:
        return f"no client is called `{arguments.name}` in {arguments.dir}: without `--rotate` it is made"
    return None


def _unknown(facts: Mapping[str, Any], directory: Path) -> Iterator[str]:
    """What is granted and is not there, as far as the policy can be read: `check` says what is wrong with it."""
    try:
        program = load_untried(directory).program
    except PolicyErrors:
        return
    known = program.profiles.known
    for name in facts.get("profiles", ()):
        if name not in known:
            yield f"no profile is called `{name}` in {directory}: there are {', '.join(known)}"
    for glob in facts.get("models", ()):
        if not any(reached((glob,), target) for target in program.targets.values()):
            yield f"`{glob}` is the name or model id of no target in {directory}"


def _where(there: tuple[Keyholder, ...], files: tuple[str, ...], directory: Path) -> str:
    if there:
        return f"in place of its `key_sha256` at {place.place(there[0].span, directory)}"
    return f"under `clients:` in {render.path(files[0], directory)}" if files else f"into a file of {directory}"


def _lines(name: str, spec: dict[str, Any]) -> str:
    written = {"clients": {name: spec}}
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000)


def _below(lines: str, known: Keyholders) -> str:
    """The lines without `clients:`, indented as the clients are that stand there."""
    first = next((each.span for each in known.clients if each.span.file == known.files[0]), None)
    entry = textwrap.dedent(lines.partition("\n")[2])
    return textwrap.indent(entry, " " * (first.column - 1 if first else 2))


def _text(arguments: argparse.Namespace, key: str, lines: str, where: str) -> None:
    out = render.console()
    out.print(f"[bold]the key, shown this once:[/] {key}\n")
    out.print(f"paste this {escape(where or _ANYWHERE)}:\n")
    out.print(escape(lines), end="")
    if arguments.rotate:
        out.print(
            "\nBoth keys are good now. When the old one is no longer used, take it out, or back at once with"
            " `policyroute client revoke`."
        )


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return name, value
