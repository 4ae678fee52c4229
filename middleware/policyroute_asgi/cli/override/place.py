"""What the actions on overrides have in common: the state directory, the names of the policy that is served, words.

Rule of this module: times are shown in UTC, and as what is left.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from policyroute.author.load import rebuild
from policyroute.cel.compile import Compiler
from policyroute.decide.overrides import Override
from policyroute.problems import PolicyErrors
from policyroute_asgi import last_good
from policyroute_asgi.cli import FINDINGS, render
from policyroute_asgi.overrides import OverridesError


def state_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state-dir", type=Path, metavar="DIR", required=True, help="that of the gateway")


@dataclass(frozen=True, slots=True)
class Named:
    """What a policy has names for. `targets` has the names of each target's providers."""

    targets: Mapping[str, frozenset[str]]
    providers: frozenset[str]

    def at(self, provider: str) -> list[str]:
        return [target for target, places in self.targets.items() if provider in places]

    def without(self, name: str) -> list[str]:
        """The targets that nobody serves without the target or the provider of this name."""
        return [target for target, places in self.targets.items() if target == name or not places - {name}]


def named(state_dir: Path) -> Named | None:
    """What the policy that was served last names; None where none was, or it makes no sense to this release."""
    kept = last_good.load(state_dir)
    if kept is None:
        return None
    try:
        program = rebuild(kept.files, Compiler()).program
    except PolicyErrors:
        return None
    targets = {name: frozenset(each.name for each in spec.providers) for name, spec in program.targets.items()}
    return Named(targets, frozenset(program.providers))


def shown(override: Override, now: float) -> str:
    """One line: what, how long, until when, why."""
    left = round(override.until - now)
    hours, minutes = divmod(-(-left // 60), 60)
    spelled = f"{left} s" if left < 60 else f"{minutes} min" if not hours else f"{hours} h {minutes:02} min"
    until = datetime.fromtimestamp(override.until, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"{override}: for {spelled}, until {until}; {override.reason or 'no reason given'}"


def is_there(state_dir: Path) -> bool:
    """Whether there is such a directory; says so where there is none: nobody's overrides are no news of anybody's."""
    if not state_dir.is_dir():
        render.complain(f"{state_dir} is not there: is it the one that the gateway was started with?")
    return state_dir.is_dir()


def failed(error: OverridesError | OSError, state_dir: Path) -> int:
    said = error.advice if isinstance(error, OverridesError) else f"{state_dir}: {error.strerror}"
    render.complain(f"nothing was changed: {said}")
    return FINDINGS
