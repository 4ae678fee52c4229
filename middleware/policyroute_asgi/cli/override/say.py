"""`policyroute override use` and `drain`: a target first for a while, or a provider or target out.

Rule of this module: a name that the policy does not have is refused: an override of nothing would be trusted.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Final, Literal

from rich.markup import escape

from policyroute.decide.overrides import Override
from policyroute.policy.report import suggestion
from policyroute_asgi import overrides
from policyroute_asgi.cli import FINDINGS, GOOD, durations, render
from policyroute_asgi.cli.override import place
from policyroute_asgi.cli.override.place import Named
from policyroute_asgi.cli.render import Format
from policyroute_asgi.overrides import LONGEST, LONGEST_REASON, OverridesError

_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Saying:
    """One of the two, as a subcommand."""

    action: Literal["use", "drain"]
    what: str
    SUMMARY: str
    EXAMPLE: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", metavar=self.what.upper().replace(" OR ", "|"), help=f"the name of a {self.what}")
        parser.add_argument(
            "--for",
            dest="seconds",
            type=_seconds,
            default=_HOUR,
            metavar="TIME",
            help="how long, such as 30m or 2h, 30d at most; it ends by itself (default: 1h)",
        )
        parser.add_argument(
            "--reason", type=_reason, default="", metavar="TEXT", help="why: for other operators and the request log"
        )
        place.state_option(parser)
        render.plain_format_option(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        named = place.named(arguments.state_dir)
        if named is not None and (trouble := self._trouble(arguments.name, named)):
            render.complain(trouble)
            return FINDINGS
        now = time.time()
        new = Override(arguments.name, self.action, arguments.reason, now, now + arguments.seconds)
        there = arguments.state_dir.exists()
        try:
            overrides.put(arguments.state_dir, new)
        except (OverridesError, OSError) as error:
            return place.failed(error, arguments.state_dir)
        if not there:
            render.complain(f"{arguments.state_dir} was not there: is it the one that the gateway was started with?")
        elif named is None:
            render.complain("no policy was served from there yet: whether it has this name cannot be known")
        self._say(arguments, new, named)
        return GOOD

    def _trouble(self, name: str, named: Named) -> str | None:
        known = named.targets if self.action == "use" else named.targets.keys() | named.providers
        if name in known:
            return None
        if name in named.providers:
            return f"`{name}` is a provider: `use` takes a target, such as {', '.join(sorted(named.at(name)))}"
        hint = suggestion(name, known)
        return f"the policy that is served has no {self.what} `{name}`" + (f": {hint}" if hint else "")

    def _say(self, arguments: argparse.Namespace, new: Override, named: Named | None) -> None:
        gone = sorted(named.without(new.name)) if named is not None and self.action == "drain" else []
        if arguments.format is Format.JSON:
            render.as_json({"override": new.as_json(), "targets_without_provider": gone})
            return
        out = render.console()
        out.print(f"{escape(place.shown(new, new.since))}", soft_wrap=True)
        if gone:
            out.print(f"nobody serves {escape(', '.join(gone))} until then", soft_wrap=True)
        where = escape(str(arguments.state_dir))
        out.print(f"gateways with --state-dir {where} hold to it on every new attempt", soft_wrap=True)


def _seconds(text: str) -> float:
    found = durations.seconds(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: 30m, 2h, 1d")
    if found > LONGEST:
        raise argparse.ArgumentTypeError("30d is the longest: what is to hold for longer belongs into the policy")
    return found


def _reason(text: str) -> str:
    text = text.strip()
    if not text.isprintable() or len(text) > LONGEST_REASON:
        raise argparse.ArgumentTypeError(f"a reason is one line of at most {LONGEST_REASON} printable characters")
    return text


USE: Final = Saying(
    "use",
    "target",
    "try a target first wherever the policy lets it be tried at all",
    "  policyroute override use claude --for 2h --reason 'gpt is slow today' --state-dir /var/lib/policyroute",
)
DRAIN: Final = Saying(
    "drain",
    "provider or target",
    "take a provider or a target out: it is sent no new attempt",
    """  policyroute override drain openai --for 2h --reason 'their status page is red' --state-dir /var/lib/policyroute
  policyroute override drain gpt --state-dir /var/lib/policyroute""",
)
