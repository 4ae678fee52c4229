"""`policyroute client revoke`: a key that is refused from now on, whatever becomes of the policy.

Rule of this module: it only ever adds to what is revoked, and needs no more of a policy than the client's own lines.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import Final, NamedTuple

from rich.markup import escape

from policyroute.policy.keyholders import Keyholder, Keyholders, keyholders
from policyroute.policy.report import suggestion
from policyroute.problems import Span
from policyroute_asgi import last_good, revocations
from policyroute_asgi.cli import FINDINGS, GOOD, MISUSE, render
from policyroute_asgi.cli.client import directory as place
from policyroute_asgi.cli.render import Format, counted
from policyroute_asgi.revocations import Revocation, RevocationsError

SUMMARY = "take a client's keys back: gateways refuse them on every new attempt"
EXAMPLE = """  policyroute client revoke ci policies/ --state-dir /var/lib/policyroute
  policyroute client revoke ci policies/ --key-sha256 3f2a91bc --state-dir /var/lib/policyroute    # one of several
  policyroute client list policies/ --whose < leaked-key.txt    # which client's it is"""


_WHOLE: Final = 64


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="the client; not needed for a whole --key-sha256")
    parser.add_argument("directory", type=Path, metavar="DIR", nargs="?", help="the policy directory")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", required=True, help="that of the gateway")
    parser.add_argument(
        "--key-sha256",
        type=_digits,
        metavar="HEX",
        help="only this key: its digest, or 8 digits or more of it",
    )
    render.plain_format_option(parser)


class _Key(NamedTuple):
    """A digest, whose it is, where it and its client's entry stand in the directory (None: not there)."""

    digest: str
    client: str
    span: Span | None = None
    entry: Span | None = None


def run(arguments: argparse.Namespace) -> int:
    name, directory, wanted = arguments.name, arguments.directory, arguments.key_sha256 or ""
    if (name is None) != (directory is None) or (name is None and len(wanted) < _WHOLE):
        render.complain("say which client, and where: NAME DIR; or a whole `--key-sha256`")
        return MISUSE
    new_place = not arguments.state_dir.exists()
    known = _known(directory, arguments.state_dir)
    keys = [key for key in known if name in (None, key.client) and key.digest.startswith(wanted)]
    if not keys and len(wanted) == _WHOLE:
        keys = [_Key(wanted, name or "")]
    if trouble := _trouble(name, wanted, keys, known):
        render.complain(trouble)
        return FINDINGS
    now = time.time()
    new = {key.digest: Revocation(key.digest, key.client, now) for key in keys}
    try:
        added = revocations.add(arguments.state_dir, new.values())
    except (RevocationsError, OSError) as error:
        said = error.advice if isinstance(error, RevocationsError) else f"{arguments.state_dir}: {error.strerror}"
        render.complain(f"nothing was revoked: {said}")
        return FINDINGS
    if new_place:
        render.complain(f"{arguments.state_dir} was not there: is it the one that the gateway was started with?")
    places = [span for key in keys if (span := key.span if wanted else key.entry)]
    _say(arguments, keys, {each.key_sha256 for each in added}, list(dict.fromkeys(places)))
    return GOOD


def _known(directory: Path | None, state_dir: Path) -> list[_Key]:
    """Every key of the directory, and of the policy that was served last: a gateway may still serve that one."""
    read = place.read(directory) if directory is not None else None
    kept = last_good.load(state_dir)
    found = [_Key(digest, each.name, span, each.span) for each in _clients(read) for digest, span in each.keys]
    there = {(key.client, key.digest) for key in found}
    served = _clients(keyholders(kept.files) if kept else None)
    before = [_Key(digest, each.name) for each in served for digest, _ in each.keys]
    return found + [key for key in before if (key.client, key.digest) not in there]


def _clients(found: Keyholders | None) -> tuple[Keyholder, ...]:
    return found.clients if found else ()


def _trouble(name: str | None, wanted: str, keys: list[_Key], known: list[_Key]) -> str | None:
    if not keys and not wanted:
        hint = suggestion(str(name), {key.client for key in known})
        return f"no client `{name}` with a key is there" + (f": {hint}" if hint else "")
    if not keys:
        return f"no key of `{name}` begins with {wanted}: give all of its 64 digits to revoke it nevertheless"
    several = {key.digest for key in keys}
    if wanted and len(several) > 1:
        return f"{len(several)} keys begin with {wanted}: give more of it"
    return None


def _say(arguments: argparse.Namespace, keys: list[_Key], added: set[str], places: list[Span]) -> None:
    digests = list(dict.fromkeys(key.digest for key in keys))
    if arguments.format is Format.JSON:
        found = [
            {"file": each.file, "line": each.line, "column": each.column, "end_line": each.end_line} for each in places
        ]
        named = {key.digest: key.client for key in keys}
        listed = [{"client": name, "key_sha256": digest} for digest, name in named.items()]
        render.as_json({"revoked": listed, "new": sorted(added), "places": found})
        return
    out = render.console()
    whose = escape(arguments.name or keys[0].client or "a client that is not known here")
    shown = ", ".join(place.short(digest) for digest in digests)
    again = "" if added else " (they were already)"
    out.print(f"revoked {counted(len(digests), 'key')} of {whose}: {shown}{again}")
    out.print(f"gateways with --state-dir {escape(str(arguments.state_dir))} refuse them on every new attempt")
    for span in places:
        out.print(f"take it out of the policy, too: {escape(place.place(span, arguments.directory))}")


def _digits(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8,64}", text):
        raise argparse.ArgumentTypeError("a digest is 64 hex digits; 8 of them or more are enough to tell one")
    return text.lower()
