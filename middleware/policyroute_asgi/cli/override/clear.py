"""`policyroute override clear`: what was said by hand holds no longer."""

from __future__ import annotations

import argparse
import time

from rich.markup import escape

from policyroute.policy.report import suggestion
from policyroute_asgi import overrides
from policyroute_asgi.cli import FINDINGS, GOOD, render
from policyroute_asgi.cli.override import place
from policyroute_asgi.cli.render import Format
from policyroute_asgi.overrides import OverridesError

SUMMARY = "take overrides back: one, or without a name all of them"
EXAMPLE = """  policyroute override clear openai --state-dir /var/lib/policyroute
  policyroute override clear --state-dir /var/lib/policyroute"""

_GONE = f"there is no {overrides.NAME}, and `override clear` without a name ends what gateways still go by"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="the target or provider (default: all)")
    place.state_option(parser)
    render.plain_format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    now, name = time.time(), arguments.name
    if not place.is_there(arguments.state_dir):
        return FINDINGS
    try:
        written = overrides.load(arguments.state_dir)
        known = {each.name for each in written or () if each.until > now}
        if name is not None and name not in known:
            hint = suggestion(name, known) or "see `override list`"
            render.complain(f"there is no override of `{name}`: {hint if written is not None else _GONE}")
            return FINDINGS
        taken = overrides.clear(arguments.state_dir, name, now)
    except (OverridesError, OSError) as error:
        return place.failed(error, arguments.state_dir)
    if arguments.format is Format.JSON:
        render.as_json({"cleared": [each.as_json() for each in taken]})
        return GOOD
    out = render.console()
    for each in taken:
        out.print(f"taken back: {escape(place.shown(each, now))}", soft_wrap=True)
    if written is None:
        out.print(f"there was no {overrides.NAME}: what gateways still went by ends", soft_wrap=True)
    elif not taken:
        out.print("no override was in force")
    return GOOD
