"""`policyroute client list`: who may call, with what, and which keys were revoked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from policyroute.policy.document import ClientSpec
from policyroute.policy.keyholders import Keyholder
from policyroute_asgi import client_keys, revocations
from policyroute_asgi.cli import FINDINGS, GOOD, render
from policyroute_asgi.cli.client import directory as place
from policyroute_asgi.cli.render import Format
from policyroute_asgi.revocations import RevocationsError

SUMMARY = "list the clients of a policy directory and their keys"
EXAMPLE = """  policyroute client list policies/ --state-dir /var/lib/policyroute
  policyroute client list policies/ --whose < leaked-key.txt    # only the client that has this key"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="the policy directory")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="the gateway's: marks the keys revoked there")
    parser.add_argument("--whose", action="store_true", help="read a key from standard input, list the client it is of")
    render.plain_format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    found = place.read(arguments.directory)
    if found is None:
        return FINDINGS
    try:
        known = revocations.load(arguments.state_dir) if arguments.state_dir else ()
    except RevocationsError as error:
        render.complain(error.advice)
        return FINDINGS
    revoked = {each.key_sha256 for each in known}
    clients = found.clients
    if arguments.whose:
        key = sys.stdin.read().strip()
        digest = client_keys.digest(key).hex()
        clients = tuple(each for each in clients if any(digest == own for own, _ in each.keys))
        if not clients:
            render.complain(_nobodys(key, digest in revoked))
            return FINDINGS
    if arguments.format is Format.JSON:
        render.as_json({"clients": [_json(each, revoked) for each in clients], "unread": list(found.unread)})
    else:
        _text(clients, revoked, render.console())
    return FINDINGS if found.unread else GOOD


def _nobodys(key: str, revoked: bool) -> str:
    if key.startswith(client_keys.PREFIX) and not client_keys.is_whole(key):
        return "a part of this key is missing or mistyped: its checksum does not fit"
    return "no client has this key" + (": it was revoked and taken out" if revoked else "")


def _json(client: Keyholder, revoked: set[str]) -> dict[str, Any]:
    said = client.spec.model_dump(exclude={"key_sha256"}) if client.spec else {}
    return {
        "name": client.name,
        "file": client.span.file,
        "line": client.span.line,
        "well_formed": client.spec is not None,
        **said,
        **({"tenant": client.spec.tenant or client.name} if client.spec else {}),
        "keys": [{"begins": place.short(digest), "revoked": digest in revoked} for digest, _ in client.keys],
    }


def _text(clients: tuple[Keyholder, ...], revoked: set[str], out: Console) -> None:
    if not clients:
        out.print("no clients: only this machine may call; `policyroute client add NAME` makes a key")
    width = max((len(each.name) for each in clients), default=0)
    for each in clients:
        facts = _facts(each.name, each.spec) if each.spec else "[red]not well formed: see `policyroute check`[/]"
        out.print(f"[bold]{escape(each.name):<{width}}[/]  {facts}; {_keys(each, revoked)}")


def _facts(name: str, spec: ClientSpec) -> str:
    words = [f"tenant {spec.tenant or name}"]
    words += [f"{fact} {value}" for fact, value in (("team", spec.team), ("tier", spec.tier)) if value]
    words += [f"{tag}={value}" for tag, value in spec.tags.items()]
    for what, granted in (("models", spec.models), ("profiles", spec.profiles)):
        words += [f"{what} {' '.join(granted)}"] if granted is not None else []
    limits = spec.rate_limit.model_dump(exclude_none=True) if spec.rate_limit else {}
    words += [f"{amount} {what}" for what, amount in limits.items()]
    role = "[yellow]operator[/], " if spec.role == "operator" else ""
    return role + escape(", ".join(words))


def _keys(client: Keyholder, revoked: set[str]) -> str:
    shown = [f"{place.short(digest)}{' [red]revoked[/]' if digest in revoked else ''}" for digest, _ in client.keys]
    return f"keys {', '.join(shown)}" if shown else "no key"
