"""`policyroute override list`: what was said by hand and holds now, the last one first."""

from __future__ import annotations

import argparse
import time

from rich.markup import escape

from policyroute.decide.overrides import Overrides
from policyroute_asgi import overrides
from policyroute_asgi.cli import FINDINGS, GOOD, render
from policyroute_asgi.cli.override import place
from policyroute_asgi.cli.render import Format
from policyroute_asgi.overrides import OverridesError

SUMMARY = "list the overrides that are in force"
EXAMPLE = "  policyroute override list --state-dir /var/lib/policyroute"


def configure(parser: argparse.ArgumentParser) -> None:
    place.state_option(parser)
    render.plain_format_option(parser)


def run(arguments: argparse.Namespace) -> int:
    now = time.time()
    if not place.is_there(arguments.state_dir):
        return FINDINGS
    try:
        found = Overrides.at(overrides.load(arguments.state_dir) or (), now).every
    except OverridesError as error:
        render.complain(error.advice)
        return FINDINGS
    if arguments.format is Format.JSON:
        render.as_json({"overrides": [each.as_json() for each in found]})
        return GOOD
    out = render.console()
    for each in found:
        out.print(escape(place.shown(each, now)), soft_wrap=True)
    if not found:
        out.print("no override is in force")
    return GOOD
